/** Credentials for other registries: secrets with `username` and `accessToken`, as ECR has them. */

import type { Clock } from '../../core/clock.ts';
import type { PullThroughDeps } from '../../core/registry/pull-through.ts';
import { UpstreamError } from '../../core/registry/upstream.ts';
import { lookUpSecretValue } from '../../core/secrets/secret-lookup.ts';
import type { SecretStore } from '../../core/store/secret-store.ts';

export function createUpstreamCredentials(secrets: SecretStore, clock: Clock): PullThroughDeps['upstreamCredentials'] {
  return async (registry, credentialArn) => {
    const found = await lookUpSecretValue(secrets, registry, { secretId: credentialArn }, clock());
    if (found.outcome !== 'found') throw new UpstreamError('denied', 'The secret does not exist.');
    const { username, accessToken } = objectIn(found.value.toString('utf8'));
    if (typeof username !== 'string' || typeof accessToken !== 'string')
      throw new UpstreamError('denied', 'The secret is not a JSON object with the strings username and accessToken.');
    return { username, password: accessToken };
  };
}

function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Readonly<Record<string, unknown>>) : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
