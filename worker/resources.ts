/** What a task's containers need from elsewhere, fetched before the first of them is created. */
import type { ContainerDefinition, KeyValuePair } from '@aws-sdk/client-ecs';
import type { Redis } from 'ioredis';
import type { Clock } from '../core/clock.ts';
import type { Scope } from '../core/scope.ts';
import { secretsKeyPath } from '../core/secrets/key.ts';
import type { Settings } from '../core/settings.ts';
import { fetchEnvironmentFiles, type ObjectSource, s3Objects, type Variables } from './environment-files.ts';
import { fetchRegistryCredentials, type RegistryCredentials } from './registry-credentials.ts';
import { ResourceError } from './resource-error.ts';
import { fetchSecrets, type SecretSources, type SecretValues, secretsOf } from './secrets.ts';
import { awsParameters, awsSecrets } from './secrets-aws.ts';
import { ownSource } from './secrets-own.ts';

export interface TaskResources {
  /** The definition with files and secrets in its environment. What it returns must be neither recorded nor logged. */
  complete(definition: ContainerDefinition): ContainerDefinition;
  registryCredentials(definition: ContainerDefinition): RegistryCredentials | undefined;
  /** Options of the container's log driver that are secret, by name. */
  secretLogOptions(definition: ContainerDefinition): Readonly<Record<string, string>>;
}

/** @throws ResourceError */
export type FetchResources = (
  scope: Scope,
  containers: readonly ContainerDefinition[],
  signal: AbortSignal,
) => Promise<TaskResources>;

export interface ResourceSources extends SecretSources {
  readonly objects: ObjectSource;
}

/** Longshore's own stores, except where a setting names an endpoint. */
export function resourceSources(
  redis: Redis,
  settings: Pick<
    Settings,
    'redisPrefix' | 'dataDir' | 'secretsKey' | 'ssmEndpoint' | 'secretsManagerEndpoint' | 's3Endpoint'
  >,
  clock: Clock,
): ResourceSources {
  const { ssmEndpoint, secretsManagerEndpoint } = settings;
  const own = ownSource(redis, { prefix: settings.redisPrefix, keyFile: secretsKeyPath(settings), clock });
  return {
    ssm: ssmEndpoint === undefined ? own : awsParameters(ssmEndpoint),
    secretsManager: secretsManagerEndpoint === undefined ? own : awsSecrets(secretsManagerEndpoint),
    separateAccounts: { ssm: ssmEndpoint === undefined, secretsManager: secretsManagerEndpoint === undefined },
    objects: s3Objects(settings.s3Endpoint),
  };
}

export function createFetchResources(sources: ResourceSources): FetchResources {
  return async (scope, containers, signal) => {
    if (!containers.some(needsResources)) return nothing;
    const credentials = new Map<string, RegistryCredentials>();
    const files = new Map<string, Variables>();
    const [secrets] = await Promise.all([
      fetchSecrets(sources, scope, containers.flatMap(secretsOf), signal),
      ...containers.map(async ({ name = '', repositoryCredentials }) => {
        const parameter = repositoryCredentials?.credentialsParameter;
        if (parameter) credentials.set(name, await fetchRegistryCredentials(sources, scope, parameter, signal));
      }),
      ...containers.map(async ({ name = '', environmentFiles = [] }) => {
        if (environmentFiles.length === 0) return;
        files.set(name, await fetchEnvironmentFiles(sources.objects, environmentFiles, scope.region, signal));
      }),
    ]);
    for (const definition of containers) {
      const { environment = [] } = completed(definition, secrets, files.get(definition.name ?? ''));
      for (const { name, value } of environment)
        if (value?.includes('\0'))
          throw new ResourceError(`the value for ${name} has a null character, which no environment can hold.`);
    }
    return {
      complete: (definition) => completed(definition, secrets, files.get(definition.name ?? '')),
      registryCredentials: ({ name = '' }) => credentials.get(name),
      secretLogOptions: ({ logConfiguration }) =>
        Object.fromEntries(
          (logConfiguration?.secretOptions ?? []).map(({ name = '', valueFrom = '' }) => [
            name,
            secrets.get(valueFrom) ?? '',
          ]),
        ),
    };
  };
}

/** For workers without sources: a task that needs something fails with a sentence. */
export const fetchNothing: FetchResources = async (_scope, containers) => {
  if (containers.some(needsResources))
    throw new ResourceError('this worker has no source of secrets and environment files.');
  return nothing;
};

const nothing: TaskResources = {
  complete: (definition) => definition,
  registryCredentials: () => undefined,
  secretLogOptions: () => ({}),
};

function needsResources(definition: ContainerDefinition): boolean {
  const { environmentFiles = [], repositoryCredentials } = definition;
  return (
    secretsOf(definition).length > 0 ||
    environmentFiles.length > 0 ||
    Boolean(repositoryCredentials?.credentialsParameter)
  );
}

/** What the definition says itself beats its files; secrets have names of their own, or beat the files too. */
function completed(
  definition: ContainerDefinition,
  secrets: SecretValues,
  files: Variables = new Map(),
): ContainerDefinition {
  const variables = new Map<string, string>(files);
  for (const { name = '', value = '' } of definition.environment ?? []) variables.set(name, value);
  for (const { name = '', valueFrom = '' } of definition.secrets ?? [])
    variables.set(name, secrets.get(valueFrom) ?? '');
  const environment: KeyValuePair[] = [...variables].map(([name, value]) => ({ name, value }));
  return { ...definition, environment };
}
