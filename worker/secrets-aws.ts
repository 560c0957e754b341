/** Secrets from services elsewhere, through AWS's SDK with its usual credentials. The SDK is loaded when it is needed. */
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SSMClient } from '@aws-sdk/client-ssm';
import { type ParameterSource, type SecretValueSource, SourceError } from './secrets-source.ts';

/** Milliseconds. */
export const patience = { connectionTimeout: 5_000, requestTimeout: 30_000, throwOnRequestTimeout: true };

export function awsParameters(endpoint: string): ParameterSource {
  const clientOf = perRegion(async (region): Promise<SSMClient> => {
    const { SSMClient } = await import('@aws-sdk/client-ssm');
    return new SSMClient({ endpoint, region, requestHandler: patience });
  });
  return {
    parameters: async (scope, names, signal) =>
      await asSourceError(signal, async () => {
        const { GetParametersCommand } = await import('@aws-sdk/client-ssm');
        const client = await clientOf(scope.region);
        const command = new GetParametersCommand({ Names: [...names], WithDecryption: true });
        const { Parameters = [], InvalidParameters = [] } = await client.send(command, { abortSignal: signal });
        const values = new Map<string, string>();
        for (const name of names) {
          if (InvalidParameters.includes(name)) continue;
          const found = Parameters.find(({ Name = '', ARN = '', Selector = '' }) =>
            [`${Name}${Selector}`, `${ARN}${Selector}`].includes(name),
          );
          if (found?.Value !== undefined) values.set(name, found.Value);
        }
        return values;
      }),
  };
}

export function awsSecrets(endpoint: string): SecretValueSource {
  const clientOf = perRegion(async (region): Promise<SecretsManagerClient> => {
    const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
    return new SecretsManagerClient({ endpoint, region, requestHandler: patience });
  });
  return {
    secret: async (scope, { secretId, versionId, versionStage }, signal) =>
      await asSourceError(signal, async () => {
        const { GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
        const client = await clientOf(scope.region);
        const wanted = { SecretId: secretId, VersionId: versionId, VersionStage: versionStage };
        return (await client.send(new GetSecretValueCommand(wanted), { abortSignal: signal })).SecretString;
      }),
  };
}

/** One client for each region; they live as long as the worker. */
export function perRegion<Client>(make: (region: string) => Promise<Client>): (region: string) => Promise<Client> {
  const clients = new Map<string, Promise<Client>>();
  return async (region) => {
    const known = clients.get(region) ?? make(region);
    clients.set(region, known);
    return await known;
  };
}

/**
 * Only the words of the service itself and of the network are told: whatever else goes wrong on the way may quote a
 * value.
 */
export async function asSourceError<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted || error instanceof SourceError || !(error instanceof Error)) throw error;
    const retries = retriesOf(error);
    if ('$fault' in error) throw new SourceError(`${error.name}: ${error.message}`, retries);
    const network = 'code' in error || error.name === 'TimeoutError' || error.name === 'CredentialsProviderError';
    throw new SourceError(network ? `${error.name}: ${error.message}` : error.name, retries);
  }
}

function retriesOf(error: Error): number {
  const { $metadata } = error as { readonly $metadata?: { readonly attempts?: number } };
  return Math.max(0, ($metadata?.attempts ?? 1) - 1);
}
