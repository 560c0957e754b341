/** Secrets from Longshore's own stores, read without a detour through the API. */
import type { Redis } from 'ioredis';
import type { Clock } from '../core/clock.ts';
import type { Scope } from '../core/scope.ts';
import { readSecretsKey, SecretsKeyError } from '../core/secrets/key.ts';
import { lookUpParameter } from '../core/secrets/parameter-lookup.ts';
import { lookUpSecretValue } from '../core/secrets/secret-lookup.ts';
import { createVault, VaultError } from '../core/secrets/vault.ts';
import { createParameterStore } from '../core/store/parameter-store.ts';
import { createSecretStore } from '../core/store/secret-store.ts';
import { type ParameterSource, type SecretValueSource, SourceError } from './secrets-source.ts';

/** @param keyFile read when the first secret is needed */
export function ownSource(
  redis: Redis,
  { prefix, keyFile, clock }: { readonly prefix: string; readonly keyFile: string; readonly clock: Clock },
): ParameterSource & SecretValueSource {
  const vault = createVault(async () => await readSecretsKey(keyFile));
  const parameters = createParameterStore(redis, { prefix, vault });
  const secrets = createSecretStore(redis, { prefix, vault });
  return {
    parameters: async (scope, names) =>
      await explained(async () => {
        const found = new Map<string, string>();
        for (const name of names) {
          const one = await lookUpParameter(parameters, scope, name);
          if (one.outcome === 'found') found.set(name, one.value);
        }
        return found;
      }),

    secret: async (scope, wanted) =>
      await explained(async () => {
        const found = await lookUpSecretValue(secrets, scope, wanted, clock());
        if (found.outcome === 'found')
          return found.version.kind === 'string' ? found.value.toString('utf8') : undefined;
        throw new SourceError(refusal(found));
      }),
  };
}

/** What Secrets Manager itself would answer. */
function refusal(found: Exclude<Awaited<ReturnType<typeof lookUpSecretValue>>, { outcome: 'found' }>): string {
  switch (found.outcome) {
    case 'no-secret':
      return "ResourceNotFoundException: Secrets Manager can't find the specified secret.";
    case 'no-version':
      return `ResourceNotFoundException: Secrets Manager can't find the specified secret value for ${found.wanted}`;
    case 'deleted':
      return "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.";
    case 'stage-mismatch':
      return 'InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId.';
  }
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SecretsKeyError || error instanceof VaultError)
      throw new SourceError(`DecryptionFailure: ${error.message}`);
    throw error;
  }
}

/** Other accounts share nothing here. */
export function refuseOtherAccount(task: Scope, owner: Scope, action: string, resource: string): void {
  if (task.accountId !== owner.accountId)
    throw new SourceError(
      `AccessDeniedException: Account ${task.accountId} is not authorized to perform: ${action} on resource: ${resource} because no resource-based policy allows the ${action} action`,
    );
}
