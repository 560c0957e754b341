/** The operations of Secrets Manager, by name. */
import { DecryptionFailure } from '@aws-sdk/client-secrets-manager';
import { secretArn } from '../../core/secrets/secret.ts';
import { VaultError } from '../../core/secrets/vault.ts';
import { translateErrors } from '../translate-errors.ts';
import { batchGetSecretValue } from './batch.ts';
import { createSecret } from './create.ts';
import { deleteSecret, restoreSecret } from './delete.ts';
import type { SecretsManagerDeps, SecretsManagerHandlers } from './deps.ts';
import { describeView } from './describe.ts';
import { findSecret } from './find.ts';
import { listSecrets } from './list.ts';
import { randomPassword } from './password.ts';
import { tagHandlers } from './tag.ts';
import { versionHandlers } from './version.ts';

export function secretsManagerHandlers(deps: SecretsManagerDeps): SecretsManagerHandlers {
  return translateErrors(handlers(deps), (error) =>
    error instanceof VaultError ? new DecryptionFailure({ message: error.message, $metadata: {} }) : error,
  );
}

function handlers(deps: SecretsManagerDeps): SecretsManagerHandlers {
  return {
    ...versionHandlers(deps),
    ...tagHandlers(deps),
    CreateSecret: async (input, { caller }) => await createSecret(deps, caller, input),
    DescribeSecret: async ({ SecretId }, { caller }) => describeView(caller, await findSecret(deps, caller, SecretId)),
    ListSecrets: async (input, { caller }) => await listSecrets(deps, caller, input),
    BatchGetSecretValue: async (input, { caller }) => await batchGetSecretValue(deps, caller, input),
    DeleteSecret: async (input, { caller }) => await deleteSecret(deps, caller, input),
    RestoreSecret: async (input, { caller }) => await restoreSecret(deps, caller, input),
    GetRandomPassword: async (input) => ({ RandomPassword: randomPassword(input) }),
    // No policy can be attached yet, so that none ever is.
    GetResourcePolicy: async ({ SecretId }, { caller }) => {
      const secret = await findSecret(deps, caller, SecretId);
      return { ARN: secretArn(caller, secret), Name: secret.name };
    },
  };
}
