/** Capacity provider strategies: the providers that exist here, and what a strategy may say. */
import type { CapacityProviderStrategyItem } from '@aws-sdk/client-ecs';
import { invalidParameter } from './errors.ts';

export const fargateProviders: readonly string[] = ['FARGATE', 'FARGATE_SPOT'];

const mostItems = 20;

/**
 * @param providers those associated with the cluster
 * @returns the strategy with weight and base filled in; an empty one is allowed
 * @throws InvalidParameterException naming the first rule that is broken
 */
export function validStrategy(
  strategy: readonly CapacityProviderStrategyItem[],
  providers: readonly string[],
): readonly Required<CapacityProviderStrategyItem>[] {
  if (strategy.length > mostItems)
    throw invalidParameter(`A capacity provider strategy can have at most ${mostItems} capacity providers.`);
  const items = strategy.map(({ capacityProvider = '', weight = 0, base = 0 }) => {
    if (capacityProvider === '') throw invalidParameter('A capacity provider must have a name.');
    if (!providers.includes(capacityProvider))
      throw invalidParameter(
        `The specified capacity provider '${capacityProvider}' is not associated with the cluster.`,
      );
    if (weight < 0 || weight > 1000) throw invalidParameter('A capacity provider weight must be from 0 to 1000.');
    if (base < 0 || base > 100_000) throw invalidParameter('A capacity provider base must be from 0 to 100000.');
    return { capacityProvider, weight, base };
  });
  if (new Set(items.map((item) => item.capacityProvider)).size < items.length)
    throw invalidParameter('A capacity provider can only appear once in a strategy.');
  if (items.filter(({ base }) => base > 0).length > 1)
    throw invalidParameter('Only one capacity provider in a strategy can have a base.');
  if (items.length > 0 && items.every(({ weight }) => weight === 0))
    throw invalidParameter('At least one capacity provider in a strategy must have a weight greater than 0.');
  return items;
}
