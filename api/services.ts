/** The AWS services that the API offers: what a request's headers are looked up in. */
import type { Redis } from 'ioredis';
import type { Clock } from '../core/clock.ts';
import type { EfsFileSystems } from '../core/efs.ts';
import type { Summons } from '../core/exec/session.ts';
import { summon } from '../core/exec/summons.ts';
import type { Vault } from '../core/secrets/vault.ts';
import type { SessionIssuer } from '../core/session-credentials.ts';
import { createExecSessionStore, type ExecSessionStore } from '../core/store/exec-session-store.ts';
import { createParameterStore } from '../core/store/parameter-store.ts';
import { createSecretStore, type SecretStore } from '../core/store/secret-store.ts';
import type { Store } from '../core/store/store.ts';
import type { EcrDeps } from './ecr/deps.ts';
import { ecrHandlers } from './ecr/index.ts';
import type { EcsDeps } from './ecs/deps.ts';
import { ecsHandlers } from './ecs/index.ts';
import type { LogsHandlers } from './logs/deps.ts';
import { cloudwatchLogsService } from './protocol/cloudwatch-logs.ts';
import { ecrService } from './protocol/ecr.ts';
import { ecsService } from './protocol/ecs.ts';
import { secretsManagerService } from './protocol/secrets-manager.ts';
import type { Service } from './protocol/service.ts';
import { ssmService } from './protocol/ssm.ts';
import { stsService } from './protocol/sts.ts';
import { secretsManagerHandlers } from './secrets-manager/index.ts';
import { ssmHandlers } from './ssm/index.ts';
import { stsHandlers } from './sts/index.ts';

export interface ServicesNeeds {
  readonly redis: Redis;
  /** Of all keys in Redis. */
  readonly prefix: string;
  readonly store: Store;
  readonly vault: Vault;
  /** Issues temporary credentials. */
  readonly sessions: SessionIssuer;
  readonly clock: Clock;
  readonly newUuid: () => string;
  /** What answers for CloudWatch Logs. */
  readonly logs: LogsHandlers;
  /** Where EFS file systems really are; absent: nowhere. */
  readonly efs?: () => EfsFileSystems;
  /** Absent: ECR is not offered. */
  readonly registry?: EcrDeps;
  /** See EcsDeps. */
  readonly wakeService?: EcsDeps['wakeService'];
  readonly lambdaEndpoint?: string | undefined;
  /** See EcsDeps; absent: any. */
  readonly clusterRuntime?: string;
}

export interface ApiServices {
  readonly services: readonly Service[];
  /** For the sweeps. */
  readonly secrets: SecretStore;
  readonly execSessions: ExecSessionStore;
  /** Calls a worker to a session; false: it does not listen. */
  readonly summon: (worker: string, summons: Summons) => Promise<boolean>;
}

export function createServices(needs: ServicesNeeds): ApiServices {
  const { redis, prefix, store, vault, clock, newUuid, logs, efs, registry, sessions } = needs;
  const { wakeService, lambdaEndpoint, clusterRuntime = 'any' } = needs;
  const parameters = createParameterStore(redis, { prefix, vault });
  const secrets = createSecretStore(redis, { prefix, vault });
  const execSessions = createExecSessionStore(redis, prefix);
  const call = async (worker: string, summons: Summons) => await summon(redis, prefix, worker, summons);
  return {
    secrets,
    execSessions,
    summon: call,
    services: [
      ecsService(
        ecsHandlers({
          store,
          execSessions,
          clock,
          newUuid,
          clusterRuntime,
          ...(efs && { efs }),
          ...(wakeService && { wakeService }),
          ...(lambdaEndpoint && { lambdaEndpoint }),
        }),
      ),
      ssmService(ssmHandlers({ parameters, execSessions, summon: call, clock })),
      secretsManagerService(secretsManagerHandlers({ secrets, clock, newUuid })),
      cloudwatchLogsService(logs),
      ...(registry ? [ecrService(ecrHandlers(registry))] : []),
      stsService(stsHandlers({ sessions })),
    ],
  };
}
