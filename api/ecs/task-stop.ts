import type { StopTaskRequest, StopTaskResponse } from '@aws-sdk/client-ecs';
import { stopDecision } from '../../core/lifecycle.ts';
import type { Task, Wanted } from '../../core/task.ts';
import type { RequestContext } from '../operation.ts';
import { activeCluster } from './cluster-lookup.ts';
import type { EcsDeps } from './deps.ts';
import { invalidParameter } from './errors.ts';
import { findTaskId } from './task-lookup.ts';
import { taskView } from './task-view.ts';

const longestReason = 255;

/** Records the wish alone: the worker that holds the task stops its containers and says when they have ended. */
export async function stopTask(
  { store, clock }: EcsDeps,
  input: StopTaskRequest,
  { caller }: RequestContext,
): Promise<StopTaskResponse> {
  const { cluster } = await activeCluster(store, caller, input.cluster);
  const reason = input.reason || 'Task stopped by user';
  if (reason.length > longestReason) throw invalidParameter(`reason longer than ${longestReason}.`);
  const id = findTaskId(caller, cluster.name, input.task ?? '');
  const [known] = id === undefined ? [] : await store.tasks.get(caller, [id]);
  if (id === undefined || known?.spec.clusterName !== cluster.name) throw notFound();

  const at = clock();
  const task = await store.tasks.want(caller, id, (current) => stopped(current, reason, at));
  if (task === undefined) throw notFound();
  return { task: taskView(task, { tags: true }) };
}

/** A task that is stopping already keeps the reason that it has. ECS deletes the tags of a task that is stopped. */
function stopped(task: Task, reason: string, at: number): Wanted | undefined {
  if (stopDecision(task) !== undefined) return undefined;
  return { ...task.wanted, stop: { code: 'UserInitiated', reason, at }, tags: [] };
}

function notFound() {
  return invalidParameter('The referenced task was not found.');
}
