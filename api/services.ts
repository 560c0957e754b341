/** The AWS services that the API offers: what a request's headers are looked up in. */
import type { Redis } from 'ioredis';
import type { Clock } from '../core/clock.ts';
import type { EfsFileSystems } from '../core/efs.ts';
import type { Vault } from '../core/secrets/vault.ts';
import { createParameterStore } from '../core/store/parameter-store.ts';
import { createSecretStore, type SecretStore } from '../core/store/secret-store.ts';
import type { Store } from '../core/store/store.ts';
import type { EcsDeps } from './ecs/deps.ts';
import { ecsHandlers } from './ecs/index.ts';
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
  /** Where EFS file systems really are; absent: nowhere. */
  readonly efs?: () => EfsFileSystems;
  /** See EcsDeps. */
  readonly wakeService?: EcsDeps['wakeService'];
  readonly lambdaEndpoint?: string | undefined;
}

export interface ApiServices {
  readonly services: readonly Service[];
  /** For the sweeps. */
  readonly secrets: SecretStore;
}

export function createServices(needs: ServicesNeeds): ApiServices {
  const { redis, prefix, store, vault, clock, newUuid, efs, wakeService, lambdaEndpoint } = needs;
  const parameters = createParameterStore(redis, { prefix, vault });
  const secrets = createSecretStore(redis, { prefix, vault });
  return {
    secrets,
    services: [
      ecsService(
        ecsHandlers({
          store,
          clock,
          newUuid,
          ...(efs && { efs }),
          ...(wakeService && { wakeService }),
          ...(lambdaEndpoint && { lambdaEndpoint }),
        }),
      ),
      ssmService(ssmHandlers({ parameters, clock })),
      secretsManagerService(secretsManagerHandlers({ secrets, clock, newUuid })),
    ],
  };
}
