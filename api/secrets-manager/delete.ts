/** DeleteSecret, at once or after a recovery window, and RestoreSecret. */
import type {
  DeleteSecretRequest,
  DeleteSecretResponse,
  RestoreSecretRequest,
  RestoreSecretResponse,
} from '@aws-sdk/client-secrets-manager';
import type { Scope } from '../../core/scope.ts';
import { parseSecretId, secretArn } from '../../core/secrets/secret.ts';
import { isGone, lookUpSecret } from '../../core/secrets/secret-lookup.ts';
import { newSuffix } from './create.ts';
import type { SecretsManagerDeps } from './deps.ts';
import { invalidParameter, invalidRequest, notFound } from './errors.ts';
import { findSecret } from './find.ts';

const day = 24 * 3600 * 1000;
/** Days. */
const usualWindow = 30;

export async function deleteSecret(
  deps: SecretsManagerDeps,
  scope: Scope,
  input: DeleteSecretRequest,
): Promise<DeleteSecretResponse> {
  const { SecretId: id = '', RecoveryWindowInDays: window = usualWindow, ForceDeleteWithoutRecovery: force } = input;
  if (force && input.RecoveryWindowInDays !== undefined)
    throw invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
  if (window < 7 || window > 30)
    throw invalidParameter('The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).');
  if (force) return await deleteAtOnce(deps, scope, id);
  const { name, suffix } = await findSecret(deps, scope, id);
  const now = deps.clock();
  const deletion = { requestedAt: now, at: now + window * day };
  const secret = await deps.secrets.write(scope, name, (found) => {
    if (found?.suffix !== suffix || isGone(found, now)) throw notFound();
    if (found.deletion)
      throw invalidRequest("You tried to perform the operation on a secret that's currently marked deleted.");
    return { secret: { ...found, deletion } };
  });
  if (!secret) throw notFound();
  return { ARN: secretArn(scope, secret), Name: secret.name, DeletionDate: new Date(deletion.at) };
}

/** Succeeds for a secret that is not there, as AWS's does. */
async function deleteAtOnce(deps: SecretsManagerDeps, scope: Scope, id: string): Promise<DeleteSecretResponse> {
  const now = deps.clock();
  const secret = await lookUpSecret(deps.secrets, scope, id, now);
  if (secret) await deps.secrets.delete(scope, secret);
  const { name, suffix = newSuffix() } = secret ?? parseSecretId(id).candidates[0] ?? { name: id };
  return { ARN: secretArn(scope, { name, suffix }), Name: name, DeletionDate: new Date(now) };
}

export async function restoreSecret(
  deps: SecretsManagerDeps,
  scope: Scope,
  { SecretId }: RestoreSecretRequest,
): Promise<RestoreSecretResponse> {
  const { name, suffix } = await findSecret(deps, scope, SecretId);
  const secret = await deps.secrets.write(scope, name, (found) => {
    if (found?.suffix !== suffix || isGone(found, deps.clock())) throw notFound();
    const { deletion, ...restored } = found;
    return deletion && { secret: restored };
  });
  if (!secret) throw notFound();
  return { ARN: secretArn(scope, secret), Name: secret.name };
}
