/** UpdateTaskProtection and GetTaskProtection: tasks of services that scale-in and deployments leave alone. */
import type {
  Failure,
  GetTaskProtectionRequest,
  GetTaskProtectionResponse,
  ProtectedTask,
  UpdateTaskProtectionRequest,
  UpdateTaskProtectionResponse,
} from '@aws-sdk/client-ecs';
import { taskArn } from '../../../core/arn.ts';
import { lastStatus, stopDecision } from '../../../core/lifecycle.ts';
import type { Scope } from '../../../core/scope.ts';
import { serviceKey } from '../../../core/service/service.ts';
import { computedDesiredCount } from '../../../core/service-plan/task-sets.ts';
import type { Millis, Task } from '../../../core/task.ts';
import type { RequestContext } from '../../operation.ts';
import { activeCluster } from '../cluster-lookup.ts';
import type { EcsDeps } from '../deps.ts';
import { invalidParameter } from '../errors.ts';
import { failure, missing } from '../failures.ts';
import { findTaskId } from '../task-lookup.ts';

const most = { update: 10, get: 100 } as const;
const usualMinutes = 120;
const longestMinutes = 2880;

interface Answer {
  readonly protectedTasks: ProtectedTask[];
  readonly failures: Failure[];
}

export async function updateTaskProtection(
  deps: EcsDeps,
  input: UpdateTaskProtectionRequest,
  { caller }: RequestContext,
): Promise<UpdateTaskProtectionResponse> {
  const { protectionEnabled = false, expiresInMinutes = usualMinutes } = input;
  const named = input.tasks ?? [];
  if (named.length === 0) throw invalidParameter('Tasks cannot be empty.');
  if (named.length > most.update) throw invalidParameter(`tasks can have at most ${most.update} items.`);
  if (expiresInMinutes < 1 || expiresInMinutes > longestMinutes)
    throw invalidParameter(`expiresInMinutes must be from 1 to ${longestMinutes}.`);
  const until = protectionEnabled ? deps.clock() + expiresInMinutes * 60_000 : undefined;
  const { cluster } = await activeCluster(deps.store, caller, input.cluster);
  const answer: Answer = { protectedTasks: [], failures: [] };
  for (const { arn, task } of await tasksNamed(deps, caller, cluster.name, named)) {
    if (!task) answer.failures.push(missing(arn));
    else if (!isServing(task)) answer.failures.push(failure(arn, 'TASK_NOT_VALID'));
    else if (until !== undefined && (await isBlocked(deps, task)))
      answer.failures.push(failure(arn, 'DEPLOYMENT_BLOCKED'));
    else answer.protectedTasks.push(viewOf(await protect(deps, task, until), deps.clock()));
  }
  return answer;
}

export async function getTaskProtection(
  deps: EcsDeps,
  input: GetTaskProtectionRequest,
  { caller }: RequestContext,
): Promise<GetTaskProtectionResponse> {
  const { cluster } = await activeCluster(deps.store, caller, input.cluster);
  const named = input.tasks ?? [];
  if (named.length === 0) throw invalidParameter('Tasks cannot be empty.');
  if (named.length > most.get) throw invalidParameter(`tasks can have at most ${most.get} items.`);
  const answer: Answer = { protectedTasks: [], failures: [] };
  for (const { arn, task } of await tasksNamed(deps, caller, cluster.name, named)) {
    if (!task) answer.failures.push(missing(arn));
    else if (!isServing(task)) answer.failures.push(failure(arn, 'TASK_NOT_VALID'));
    else answer.protectedTasks.push(viewOf(task, deps.clock()));
  }
  return answer;
}

async function tasksNamed({ store }: EcsDeps, scope: Scope, clusterName: string, named: readonly string[]) {
  return await Promise.all(
    [...new Set(named)].map(async (identifier) => {
      const id = findTaskId(scope, clusterName, identifier);
      const arn = identifier.startsWith('arn:') ? identifier : taskArn(scope, clusterName, identifier);
      const [task] = id === undefined ? [] : await store.tasks.get(scope, [id]);
      return { arn, task: task?.spec.clusterName === clusterName ? task : undefined };
    }),
  );
}

/** Only a service's task that nobody stops can be protected. */
function isServing(task: Task): boolean {
  return task.spec.serviceName !== undefined && lastStatus(task) !== 'STOPPED' && !stopDecision(task);
}

/** A deployment or task set that must shrink takes no further protection: it could never end. */
async function isBlocked({ store }: EcsDeps, { spec }: Task): Promise<boolean> {
  const [stored] = await store.services.get(spec, spec.clusterName, [spec.serviceName ?? '']);
  const deployment = stored?.service.deployments.find(({ id }) => id === spec.startedBy);
  if (!stored || !deployment) return true;
  const { controller, desiredCount } = stored.service;
  if (controller === 'EXTERNAL') return computedDesiredCount(desiredCount, deployment) === 0;
  return deployment.status !== 'PRIMARY' && stored.service.status !== 'ACTIVE';
}

async function protect({ store, wakeService }: EcsDeps, task: Task, until: Millis | undefined): Promise<Task> {
  const changed = await store.tasks.want(task.spec, task.spec.taskId, ({ wanted }) => {
    const { protectedUntil: _, ...rest } = wanted;
    return until === undefined ? rest : { ...rest, protectedUntil: until };
  });
  const { spec } = task;
  const key = serviceKey({ ...spec, name: spec.serviceName ?? '' });
  await store.services.touch(key);
  wakeService?.(key);
  return changed ?? task;
}

function viewOf({ spec, wanted }: Task, now: Millis): ProtectedTask {
  const { protectedUntil } = wanted;
  const enabled = protectedUntil !== undefined && protectedUntil > now;
  return {
    taskArn: taskArn(spec, spec.clusterName, spec.taskId),
    protectionEnabled: enabled,
    ...(enabled && { expirationDate: new Date(protectedUntil) }),
  };
}
