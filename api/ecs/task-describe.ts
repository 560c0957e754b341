import type { DescribeTasksRequest, DescribeTasksResponse, Failure, Task as SdkTask } from '@aws-sdk/client-ecs';
import { taskArn } from '../../core/arn.ts';
import type { RequestContext } from '../operation.ts';
import { activeCluster } from './cluster-lookup.ts';
import type { EcsDeps } from './deps.ts';
import { invalidParameter } from './errors.ts';
import { missing } from './failures.ts';
import { findTaskId } from './task-lookup.ts';
import { taskView } from './task-view.ts';

const mostTasks = 100;

/** The tasks that are there, in the order asked for, each once; what is not there is a failure, not an error. */
export async function describeTasks(
  { store }: EcsDeps,
  input: DescribeTasksRequest,
  { caller }: RequestContext,
): Promise<DescribeTasksResponse> {
  const { cluster } = await activeCluster(store, caller, input.cluster);
  const named = input.tasks ?? [];
  if (named.length === 0) throw invalidParameter('Tasks cannot be empty.');
  if (named.length > mostTasks) throw invalidParameter(`taskIds can have at most ${mostTasks} items.`);

  const ids = new Map(named.map((identifier) => [arnOf(identifier), findTaskId(caller, cluster.name, identifier)]));
  const found = await store.tasks.get(
    caller,
    [...ids.values()].filter((id) => id !== undefined),
  );
  const byId = new Map(found.map((task) => [task?.spec.taskId, task]));
  const tasks: SdkTask[] = [];
  const failures: Failure[] = [];
  for (const [arn, id] of ids) {
    const task = id === undefined ? undefined : byId.get(id);
    if (task?.spec.clusterName === cluster.name)
      tasks.push(taskView(task, { tags: input.include?.includes('TAGS') ?? false }));
    else failures.push(missing(arn));
  }
  return { tasks, failures };

  function arnOf(identifier: string): string {
    return identifier.startsWith('arn:') ? identifier : taskArn(caller, cluster.name, identifier);
  }
}
