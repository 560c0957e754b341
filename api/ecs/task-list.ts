import type { ListTasksRequest, ListTasksResponse } from '@aws-sdk/client-ecs';
import { taskArn } from '../../core/arn.ts';
import type { Scope } from '../../core/scope.ts';
import type { TaskFilter } from '../../core/store/store.ts';
import type { RequestContext } from '../operation.ts';
import { findIdInCluster } from './arn.ts';
import { activeCluster } from './cluster-lookup.ts';
import type { EcsDeps } from './deps.ts';
import { invalidParameter } from './errors.ts';
import { paging } from './pagination.ts';
import { findService, serviceNotFound } from './service/lookup.ts';

export async function listTasks(
  { store }: EcsDeps,
  input: ListTasksRequest,
  { caller }: RequestContext,
): Promise<ListTasksResponse> {
  const pages = paging(caller, 'ListTasks', input);
  const { cluster } = await activeCluster(store, caller, input.cluster);
  const filter = filterOf(caller, cluster.name, input);
  if (filter !== 'matches nothing' && filter.serviceName !== undefined)
    await findService({ store }, caller, { cluster: input.cluster, service: filter.serviceName });
  if (filter === 'matches nothing') return { taskArns: [] };
  const { items, next } = await store.tasks.list(caller, filter, pages.request);
  const nextToken = pages.token(next);
  return {
    taskArns: items.map((id) => taskArn(caller, cluster.name, id)),
    ...(nextToken !== undefined && { nextToken }),
  };
}

function filterOf(scope: Scope, clusterName: string, input: ListTasksRequest): TaskFilter | 'matches nothing' {
  const { startedBy, family, serviceName, containerInstance, daemonName, launchType } = input;
  if (startedBy !== undefined && (family ?? serviceName ?? containerInstance ?? daemonName ?? launchType) !== undefined)
    throw invalidParameter('startedBy cannot be combined with other filters.');
  let service: string | undefined;
  if (serviceName !== undefined) {
    service = findIdInCluster(scope, clusterName, 'service', serviceName);
    if (service === undefined) throw serviceNotFound();
  }
  if (containerInstance !== undefined) {
    findIdInCluster(scope, clusterName, 'container-instance', containerInstance);
    throw invalidParameter(`Referenced container instance ${containerInstance} not found.`);
  }
  if (daemonName !== undefined) throw invalidParameter(`Referenced daemon ${daemonName} not found.`);
  if (launchType !== undefined && launchType !== 'FARGATE') return 'matches nothing';
  // Only a task's lastStatus is ever PENDING.
  if (input.desiredStatus === 'PENDING') return 'matches nothing';
  return {
    clusterName,
    desiredStatus: input.desiredStatus ?? 'RUNNING',
    ...(family !== undefined && { family }),
    ...(startedBy !== undefined && { startedBy }),
    ...(service !== undefined && { serviceName: service }),
  };
}
