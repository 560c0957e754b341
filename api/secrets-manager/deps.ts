/** What Secrets Manager's handlers work with. */
import type * as secretsManager from '@aws-sdk/client-secrets-manager';
import type { Clock } from '../../core/clock.ts';
import type { SecretStore } from '../../core/store/secret-store.ts';
import type { HandlersOf } from '../operation.ts';

export interface SecretsManagerDeps {
  readonly secrets: SecretStore;
  readonly clock: Clock;
  /** A new random UUID, with dashes. */
  readonly newUuid: () => string;
}

export type SecretsManagerHandlers = HandlersOf<typeof secretsManager>;
