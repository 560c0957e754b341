/** The secret that a request names. */

import type { Scope } from '../../core/scope.ts';
import type { Secret } from '../../core/secrets/secret.ts';
import { isGone, lookUpSecret } from '../../core/secrets/secret-lookup.ts';
import type { SecretChange } from '../../core/store/secret-store.ts';
import type { SecretsManagerDeps } from './deps.ts';
import { markedForDeletion, notFound } from './errors.ts';

/** @throws ResourceNotFoundException */
export async function findSecret(deps: SecretsManagerDeps, scope: Scope, secretId = ''): Promise<Secret> {
  const secret = await lookUpSecret(deps.secrets, scope, secretId, deps.clock());
  if (secret === undefined) throw notFound();
  return secret;
}

/**
 * Changes the secret that a request names; `change` is called again when another writer was quicker.
 * @throws ResourceNotFoundException, and InvalidRequestException for one that is marked for deletion
 */
export async function changeSecret(
  deps: SecretsManagerDeps,
  scope: Scope,
  secretId: string | undefined,
  change: (secret: Secret) => SecretChange | undefined | Promise<SecretChange | undefined>,
): Promise<Secret> {
  const { name, suffix } = await findSecret(deps, scope, secretId);
  const written = await deps.secrets.write(scope, name, async (secret) => {
    if (secret?.suffix !== suffix || isGone(secret, deps.clock())) throw notFound();
    if (secret.deletion) throw markedForDeletion();
    return await change(secret);
  });
  if (written === undefined) throw notFound();
  return written;
}
