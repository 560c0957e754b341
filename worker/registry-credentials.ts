/** Credentials for private registries: a secret with `username` and `password`. */
import type { Scope } from '../core/scope.ts';
import { ResourceError } from './resource-error.ts';
import { jsonObject, type SecretSources, secretText } from './secrets.ts';
import { parseSecretReference } from './secrets-reference.ts';

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/**
 * @param credentialsParameter name or ARN of the secret
 * @throws ResourceError
 */
export async function fetchRegistryCredentials(
  sources: SecretSources,
  scope: Scope,
  credentialsParameter: string,
  signal: AbortSignal,
): Promise<RegistryCredentials> {
  const named = parseSecretReference(credentialsParameter, scope);
  const reference = named?.service === 'ssm' ? { scope, secretId: credentialsParameter } : named;
  if (reference === undefined || (named?.service === 'ssm' && credentialsParameter.startsWith('arn:')))
    throw new ResourceError(
      `unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: ${credentialsParameter} is not the ARN of a secret`,
    );
  const { username, password } = jsonObject(await secretText(sources, scope, reference, signal)) ?? {};
  if (typeof username !== 'string' || typeof password !== 'string')
    throw new ResourceError(
      `unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: the secret ${reference.secretId} is not a JSON object with the strings username and password`,
    );
  return { username, password };
}
