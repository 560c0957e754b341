/** Cluster operations. */
import {
  ClusterContainsServicesException,
  ClusterContainsTasksException,
  type CreateClusterRequest,
  type DescribeClustersRequest,
  type Failure,
} from '@aws-sdk/client-ecs';
import { clusterArn } from '../../core/arn.ts';
import type { Cluster } from '../../core/cluster.ts';
import type { Scope } from '../../core/scope.ts';
import type { StoredCluster } from '../../core/store/store.ts';
import type { Caller } from '../operation.ts';
import { effectiveSetting } from './account-setting.ts';
import { defaultCluster, findClusterName, resolveClusterName } from './arn.ts';
import { validStrategy } from './capacity-strategy.ts';
import {
  mergeSettings,
  refuseServiceConnect,
  validClusterName,
  validConfiguration,
  validProviders,
  validSettings,
} from './cluster-rules.ts';
import { clusterView, writtenDetails } from './cluster-view.ts';
import type { EcsDeps } from './deps.ts';
import { clusterNotFound, invalidParameter } from './errors.ts';
import { missing } from './failures.ts';
import type { EcsHandlers } from './handlers.ts';
import { canonicalJson, paging } from './pagination.ts';
import { validClusterTags } from './tag-rules.ts';

const mostDescribed = 100;

export function clusterHandlers(deps: EcsDeps) {
  const { clusters } = deps.store;

  async function change(scope: Scope, identifier: string | undefined, edit: (cluster: Cluster) => Cluster) {
    const stored = await clusters.change(scope, resolveClusterName(scope, identifier), edit);
    if (stored === undefined) throw clusterNotFound();
    return { cluster: clusterView(scope, stored, writtenDetails) };
  }

  return {
    CreateCluster: async (input, { caller }) => {
      const cluster = await newCluster(deps, caller, input);
      const { created, stored } = await clusters.create(caller, cluster);
      if (!created) assertSameArguments(stored.cluster, cluster, input);
      return { cluster: clusterView(caller, stored, writtenDetails) };
    },

    DescribeClusters: async (input, { caller }) => {
      const { names, failures } = namesToDescribe(caller, input);
      const found = await clusters.get(caller, names);
      for (const [index, name] of names.entries())
        if (found[index] === undefined) failures.push(missing(clusterArn(caller, name)));
      const present = found.filter((stored): stored is StoredCluster => stored !== undefined);
      return { clusters: present.map((stored) => clusterView(caller, stored, input.include ?? [])), failures };
    },

    ListClusters: async (input, { caller }) => {
      const pages = paging(caller, 'ListClusters', input);
      const { items, next } = await clusters.list(caller, pages.request);
      return { clusterArns: items.map((name) => clusterArn(caller, name)), nextToken: pages.token(next) };
    },

    UpdateCluster: async (input, { caller }) => {
      refuseServiceConnect(input.serviceConnectDefaults);
      const settings = validSettings(input.settings ?? []);
      const configuration = input.configuration && validConfiguration(input.configuration);
      return change(caller, input.cluster, (cluster) => ({
        ...cluster,
        settings: mergeSettings(cluster.settings, settings),
        ...(configuration && { configuration: { ...cluster.configuration, ...configuration } }),
      }));
    },

    UpdateClusterSettings: async (input, { caller }) => {
      const settings = validSettings(input.settings ?? []);
      if (settings.length === 0) throw invalidParameter('Settings cannot be empty.');
      return change(caller, input.cluster, (cluster) => ({
        ...cluster,
        settings: mergeSettings(cluster.settings, settings),
      }));
    },

    PutClusterCapacityProviders: async (input, { caller }) => {
      const capacityProviders = validProviders(input.capacityProviders ?? []);
      const defaultCapacityProviderStrategy = validStrategy(
        input.defaultCapacityProviderStrategy ?? [],
        capacityProviders,
      );
      return change(caller, input.cluster, (cluster) => ({
        ...cluster,
        capacityProviders,
        defaultCapacityProviderStrategy,
      }));
    },

    DeleteCluster: async (input, { caller }) => {
      const { outcome, stored } = await clusters.delete(caller, resolveClusterName(caller, input.cluster));
      if (outcome === 'has-services')
        throw new ClusterContainsServicesException({
          message: 'The Cluster cannot be deleted while Services are active.',
          $metadata: {},
        });
      if (outcome === 'has-tasks')
        throw new ClusterContainsTasksException({
          message: 'The Cluster cannot be deleted while Tasks are active.',
          $metadata: {},
        });
      if (outcome === 'missing' || stored === undefined) throw clusterNotFound();
      return { cluster: clusterView(caller, stored, writtenDetails) };
    },
  } satisfies EcsHandlers;
}

async function newCluster(deps: EcsDeps, caller: Caller, input: CreateClusterRequest): Promise<Cluster> {
  refuseServiceConnect(input.serviceConnectDefaults);
  const capacityProviders = validProviders(input.capacityProviders ?? []);
  const settings = validSettings(input.settings ?? []);
  const insights = {
    name: 'containerInsights',
    value: await effectiveSetting(deps, caller, 'containerInsights'),
  } as const;
  return {
    name: validClusterName(input.clusterName ?? defaultCluster),
    status: 'ACTIVE',
    settings: mergeSettings([insights], settings),
    capacityProviders,
    defaultCapacityProviderStrategy: validStrategy(input.defaultCapacityProviderStrategy ?? [], capacityProviders),
    tags: validClusterTags(input.tags),
    ...(input.configuration && { configuration: validConfiguration(input.configuration) }),
  };
}

/** CreateCluster answers an existing cluster, but only to who asks for nothing that it is not. */
function assertSameArguments(existing: Cluster, asked: Cluster, input: CreateClusterRequest): void {
  const members = [
    'settings',
    'configuration',
    'capacityProviders',
    'defaultCapacityProviderStrategy',
    'tags',
  ] as const;
  for (const member of members)
    if (input[member] !== undefined && canonicalJson(existing[member]) !== canonicalJson(asked[member]))
      throw invalidParameter(
        'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
      );
}

function namesToDescribe(scope: Scope, { clusters = [] }: DescribeClustersRequest) {
  if (clusters.length > mostDescribed) throw invalidParameter(`Clusters can have at most ${mostDescribed} items.`);
  const names = new Set<string>();
  const failures: Failure[] = [];
  for (const identifier of clusters.length === 0 ? [defaultCluster] : clusters) {
    const name = findClusterName(scope, identifier);
    if (name === undefined) failures.push(missing(identifier));
    else names.add(name);
  }
  return { names: [...names], failures };
}
