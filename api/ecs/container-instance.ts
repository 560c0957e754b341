/** Container instance operations, as a cluster answers that has none: the hosts that run tasks are never visible. */
import { TargetNotFoundException } from '@aws-sdk/client-ecs';
import { containerInstanceArn } from '../../core/arn.ts';
import type { Scope } from '../../core/scope.ts';
import { findIdInCluster } from './arn.ts';
import { activeCluster } from './cluster-lookup.ts';
import type { EcsDeps } from './deps.ts';
import { clientError, invalidParameter } from './errors.ts';
import { missing } from './failures.ts';
import type { EcsHandlers } from './handlers.ts';
import { paging } from './pagination.ts';

const mostDescribed = 100;
const mostUpdated = 10;

export function containerInstanceHandlers({ store }: EcsDeps) {
  /** Every instance asked for, as a failure. */
  async function allMissing(
    scope: Scope,
    input: { readonly cluster?: string | undefined; readonly containerInstances: readonly string[] | undefined },
    most: number,
  ) {
    const { cluster } = await activeCluster(store, scope, input.cluster);
    const instances = input.containerInstances ?? [];
    if (instances.length === 0) throw invalidParameter('Container instances cannot be empty.');
    if (instances.length > most) throw invalidParameter(`Container instances can have at most ${most} items.`);
    const arns = instances.map((identifier) => {
      const id = findIdInCluster(scope, cluster.name, 'container-instance', identifier);
      return id === undefined ? identifier : containerInstanceArn(scope, cluster.name, id);
    });
    return { containerInstances: [], failures: [...new Set(arns)].map(missing) };
  }

  async function notFound(scope: Scope, cluster: string | undefined, instance = ''): Promise<never> {
    const { name } = (await activeCluster(store, scope, cluster)).cluster;
    findIdInCluster(scope, name, 'container-instance', instance);
    throw invalidParameter(`Referenced container instance ${instance} not found.`);
  }

  async function noTarget(
    scope: Scope,
    input: {
      readonly cluster?: string | undefined;
      readonly attributes: readonly { readonly targetId?: string | undefined }[] | undefined;
    },
  ): Promise<never> {
    await activeCluster(store, scope, input.cluster);
    const [attribute] = input.attributes ?? [];
    if (attribute === undefined) throw invalidParameter('Attributes cannot be empty.');
    if (!attribute.targetId) throw invalidParameter('An attribute must have a targetId.');
    throw new TargetNotFoundException({
      message: `The specified target wasn't found: ${attribute.targetId}`,
      $metadata: {},
    });
  }

  return {
    ListContainerInstances: async (input, { caller }) => {
      paging(caller, 'ListContainerInstances', input);
      await activeCluster(store, caller, input.cluster);
      return { containerInstanceArns: [] };
    },
    DescribeContainerInstances: (input, { caller }) => allMissing(caller, input, mostDescribed),
    UpdateContainerInstancesState: async (input, { caller }) => {
      if (input.status !== 'ACTIVE' && input.status !== 'DRAINING')
        throw invalidParameter('Container instance status must be ACTIVE or DRAINING.');
      return allMissing(caller, input, mostUpdated);
    },
    UpdateContainerAgent: (input, { caller }) => notFound(caller, input.cluster, input.containerInstance),
    DeregisterContainerInstance: (input, { caller }) => notFound(caller, input.cluster, input.containerInstance),
    RegisterContainerInstance: async (input, { caller }) => {
      await activeCluster(store, caller, input.cluster);
      throw clientError('Container instances cannot be registered here: tasks run on Fargate only.');
    },
    ListAttributes: async (input, { caller }) => {
      paging(caller, 'ListAttributes', input);
      await activeCluster(store, caller, input.cluster);
      if (input.attributeValue !== undefined && input.attributeName === undefined)
        throw invalidParameter('An attribute name must be specified to filter by attribute value.');
      return { attributes: [] };
    },
    PutAttributes: (input, { caller }) => noTarget(caller, input),
    DeleteAttributes: (input, { caller }) => noTarget(caller, input),
  } satisfies EcsHandlers;
}
