/** Where a request wants its tasks to run: on Fargate by launch type, or by capacity provider. */
import type { CapacityProviderStrategyItem, RunTaskRequest } from '@aws-sdk/client-ecs';
import { splitByStrategy } from '../../../core/capacity-provider-strategy.ts';
import type { Cluster } from '../../../core/cluster.ts';
import { validStrategy } from '../capacity-strategy.ts';
import { invalidParameter } from '../errors.ts';

/**
 * A capacity provider for each of `count` tasks; undefined: the FARGATE launch type, without a provider.
 * No cluster here has container instances, so what asks for those gets what ECS answers in such a cluster.
 * @throws InvalidParameterException
 */
export function chooseProviders(
  { launchType, capacityProviderStrategy }: Pick<RunTaskRequest, 'launchType' | 'capacityProviderStrategy'>,
  cluster: Cluster,
  count: number,
): readonly (string | undefined)[] {
  const given = capacityProviderStrategy?.length ? capacityProviderStrategy : undefined;
  if (launchType !== undefined && given !== undefined)
    throw invalidParameter('Specify either Launch Type or Capacity Provider Strategy, but not both.');
  if (given !== undefined) return split(given, cluster, count);
  if (launchType === 'FARGATE') return Array.from({ length: count }, () => undefined);
  if (launchType === 'MANAGED_INSTANCES')
    throw invalidParameter('Managed Instances need a capacityProviderStrategy instead of a launchType.');
  if (launchType !== undefined || cluster.defaultCapacityProviderStrategy.length === 0)
    throw invalidParameter('No Container Instances were found in your cluster.');
  if (cluster.defaultCapacityProviderStrategy.every(({ weight = 0 }) => weight === 0))
    throw invalidParameter(
      'There are no capacity providers with a weight value greater than zero defined in the default capacity ' +
        'provider strategy. At least one capacity provider must have a weight value greater than zero specified. ' +
        "Update the cluster's default capacity provider strategy or specify a valid capacity provider strategy and " +
        'try again.',
    );
  return split(cluster.defaultCapacityProviderStrategy, cluster, count);
}

function split(strategy: readonly CapacityProviderStrategyItem[], cluster: Cluster, count: number): readonly string[] {
  if (strategy.some(({ capacityProvider = '' }) => !cluster.capacityProviders.includes(capacityProvider)))
    throw invalidParameter(
      'The specified capacity provider strategy cannot contain a capacity provider that is not associated with the ' +
        'cluster. Associate the capacity provider with the cluster or specify a valid capacity provider and try again.',
    );
  const items = validStrategy(strategy, cluster.capacityProviders).map(
    ({ capacityProvider = '', base = 0, weight = 0 }) => ({
      capacityProvider,
      base,
      weight,
    }),
  );
  return splitByStrategy(items, count);
}
