/** The AWS services that the API offers: what a request's headers are looked up in. */
import type { Redis } from 'ioredis';
import type { Clock } from '../core/clock.ts';
import type { EfsFileSystems } from '../core/efs.ts';
import type { Summons } from '../core/exec/session.ts';
import { summon } from '../core/exec/summons.ts';
import type { Vault } from '../core/secrets/vault.ts';
import { createExecSessionStore, type ExecSessionStore } from '../core/store/exec-session-store.ts';
import { createParameterStore } from '../core/store/parameter-store.ts';
import { createSecretStore, type SecretStore } from '../core/store/secret-store.ts';
import type { Store } from '../core/store/store.ts';
import { ecsHandlers } from './ecs/index.ts';
import type { LogsHandlers } from './logs/deps.ts';
import { cloudwatchLogsService } from './protocol/cloudwatch-logs.ts';
import { ecsService } from './protocol/ecs.ts';
import { secretsManagerService } from './protocol/secrets-manager.ts';
import type { Service } from './protocol/service.ts';
import { ssmService } from './protocol/ssm.ts';
import { secretsManagerHandlers } from './secrets-manager/index.ts';
import { ssmHandlers } from './ssm/index.ts';

export interface ServicesNeeds {
  readonly redis: Redis;
  /** Of all keys in Redis. */
  readonly prefix: string;
  readonly store: Store;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly newUuid: () => string;
  /** What answers for CloudWatch Logs. */
  readonly logs: LogsHandlers;
  /** Where EFS file systems really are; absent: nowhere. */
  readonly efs?: () => EfsFileSystems;
}

export interface ApiServices {
  readonly services: readonly Service[];
  /** For the sweeps. */
  readonly secrets: SecretStore;
  readonly execSessions: ExecSessionStore;
  /** Calls a worker to a session; false: it does not listen. */
  readonly summon: (worker: string, summons: Summons) => Promise<boolean>;
}

export function createServices({ redis, prefix, store, vault, clock, newUuid, logs, efs }: ServicesNeeds): ApiServices {
  const parameters = createParameterStore(redis, { prefix, vault });
  const secrets = createSecretStore(redis, { prefix, vault });
  const execSessions = createExecSessionStore(redis, prefix);
  const call = async (worker: string, summons: Summons) => await summon(redis, prefix, worker, summons);
  return {
    secrets,
    execSessions,
    summon: call,
    services: [
      ecsService(ecsHandlers({ store, execSessions, clock, newUuid, ...(efs && { efs }) })),
      ssmService(ssmHandlers({ parameters, execSessions, summon: call, clock })),
      secretsManagerService(secretsManagerHandlers({ secrets, clock, newUuid })),
      cloudwatchLogsService(logs),
    ],
  };
}
