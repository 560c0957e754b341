/** Where a service's tasks run: on Fargate by launch type, or by capacity provider. */
import type { CapacityProviderStrategyItem, LaunchType } from '@aws-sdk/client-ecs';
import type { StrategyItem } from '../../../core/capacity-provider-strategy.ts';
import type { Cluster } from '../../../core/cluster.ts';
import { validStrategy } from '../capacity-strategy.ts';
import { chooseProviders } from '../run-task/launch.ts';

export type ServiceLaunch =
  | { readonly launchType: 'FARGATE' }
  | { readonly capacityProviderStrategy: readonly StrategyItem[] };

/** @throws InvalidParameterException as RunTask does */
export function serviceLaunch(
  input: {
    readonly launchType?: LaunchType | undefined;
    readonly capacityProviderStrategy?: CapacityProviderStrategyItem[] | undefined;
  },
  cluster: Cluster,
): ServiceLaunch {
  chooseProviders(input, cluster, 1);
  if (input.launchType !== undefined) return { launchType: 'FARGATE' };
  const strategy = input.capacityProviderStrategy?.length
    ? input.capacityProviderStrategy
    : cluster.defaultCapacityProviderStrategy;
  return { capacityProviderStrategy: validStrategy(strategy, cluster.capacityProviders).map(plain) };
}

function plain({ capacityProvider = '', weight = 0, base = 0 }: CapacityProviderStrategyItem): StrategyItem {
  return { capacityProvider, weight, base };
}
