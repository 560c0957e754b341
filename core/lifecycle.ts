/**
 * The one task lifecycle. A task's status is never stored: it is read off the facts.
 *
 *   PROVISIONING -> PENDING -> ACTIVATING -> RUNNING -> DEACTIVATING -> STOPPING -> DEPROVISIONING -> STOPPED
 *
 * Facts are only ever added, so a task only ever moves to the right; it may skip states (a task whose image cannot be
 * pulled goes from PENDING to STOPPING), never go back.
 * States: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
 */
import { ImpossibleTransitionError } from './errors.ts';
import type { DesiredStatus, HealthStatus, Observed, StopDecision, Task, Wanted } from './task.ts';

export type LastStatus =
  | 'PROVISIONING'
  | 'PENDING'
  | 'ACTIVATING'
  | 'RUNNING'
  | 'DEACTIVATING'
  | 'STOPPING'
  | 'DEPROVISIONING'
  | 'STOPPED';

interface Row {
  /** Place in the life of a task. */
  readonly order: number;
  /** What must have been observed for the task to have come this far. */
  readonly reached: (observed: Observed) => boolean;
  /** Which of its cluster's counters the task is in. */
  readonly counted: 'pending' | 'running' | 'none';
}

export const lifecycle = {
  PROVISIONING: { order: 0, reached: () => true, counted: 'pending' },
  PENDING: { order: 1, reached: (seen) => seen.networkInterface !== undefined, counted: 'pending' },
  ACTIVATING: { order: 2, reached: (seen) => seen.activatingAt !== undefined, counted: 'pending' },
  RUNNING: { order: 3, reached: (seen) => seen.startedAt !== undefined, counted: 'running' },
  DEACTIVATING: { order: 4, reached: (seen) => seen.deactivatingAt !== undefined, counted: 'none' },
  STOPPING: { order: 5, reached: (seen) => seen.stoppingAt !== undefined, counted: 'none' },
  DEPROVISIONING: { order: 6, reached: (seen) => seen.deprovisioningAt !== undefined, counted: 'none' },
  STOPPED: { order: 7, reached: (seen) => seen.stoppedAt !== undefined, counted: 'none' },
} satisfies Record<LastStatus, Row>;

const newestFirst = (Object.entries(lifecycle) as [LastStatus, Row][]).sort(([, a], [, b]) => b.order - a.order);

type Facts = Pick<Task, 'wanted' | 'observed'>;

export function lastStatus(task: Pick<Task, 'observed'>): LastStatus {
  for (const [status, row] of newestFirst) if (row.reached(task.observed)) return status;
  return 'PROVISIONING';
}

/** STOPPED from the moment that anybody decides to stop: the user, the scheduler, or the worker after an exit. */
export function desiredStatus(task: Facts): DesiredStatus {
  return stopDecision(task) ? 'STOPPED' : 'RUNNING';
}

/** The decision that stops the task: whichever was recorded first. */
export function stopDecision({ wanted, observed }: Facts): StopDecision | undefined {
  if (wanted.stop && observed.stop) return observed.stop.at < wanted.stop.at ? observed.stop : wanted.stop;
  return wanted.stop ?? observed.stop;
}

/**
 * Containers show only these three (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Container.html).
 * One that never ran is STOPPED when nothing of its task can run any more.
 */
export function containerLastStatus(task: Pick<Task, 'observed'>, name: string): 'PENDING' | 'RUNNING' | 'STOPPED' {
  const container = task.observed.containers[name];
  const { deprovisioningAt, stoppedAt } = task.observed;
  if (container?.finishedAt !== undefined || (deprovisioningAt ?? stoppedAt) !== undefined) return 'STOPPED';
  return container?.startedAt === undefined ? 'PENDING' : 'RUNNING';
}

export function containerHealthStatus(task: Pick<Task, 'observed'>, name: string): HealthStatus {
  return task.observed.containers[name]?.health ?? 'UNKNOWN';
}

/**
 * Any essential container with a check UNHEALTHY: UNHEALTHY. All of them HEALTHY: HEALTHY. Else UNKNOWN.
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html#ECS-Type-Task-healthStatus)
 */
export function healthStatus(task: Pick<Task, 'observed' | 'spec'>): HealthStatus {
  const checked = task.spec.containers.filter((container) => container.essential && container.hasHealthCheck);
  const states = checked.map((container) => containerHealthStatus(task, container.name));
  if (states.includes('UNHEALTHY')) return 'UNHEALTHY';
  return states.length > 0 && states.every((state) => state === 'HEALTHY') ? 'HEALTHY' : 'UNKNOWN';
}

/** The new state of a task, with `version` raised when a state-change event must tell of it. */
export function advance(task: Task, change: { readonly wanted?: Wanted; readonly observed?: Observed }): Task {
  const next: Task = { ...task, wanted: change.wanted ?? task.wanted, observed: change.observed ?? task.observed };
  const before = lastStatus(task);
  const after = lastStatus(next);
  if (lifecycle[after].order < lifecycle[before].order)
    throw new ImpossibleTransitionError(`Task ${task.spec.taskId} cannot go from ${before} back to ${after}.`);
  if (desiredStatus(task) === 'STOPPED' && desiredStatus(next) === 'RUNNING')
    throw new ImpossibleTransitionError(`Task ${task.spec.taskId} cannot be wanted again after it was to stop.`);
  return tells(task, next) ? { ...next, version: task.version + 1 } : next;
}

/** True when the difference is one that ECS announces: a status of the task or of one of its containers. */
export function tells(before: Task, after: Task): boolean {
  return (
    lastStatus(before) !== lastStatus(after) ||
    desiredStatus(before) !== desiredStatus(after) ||
    healthStatus(before) !== healthStatus(after) ||
    before.spec.containers.some(
      ({ name }) =>
        containerLastStatus(before, name) !== containerLastStatus(after, name) ||
        containerHealthStatus(before, name) !== containerHealthStatus(after, name),
    )
  );
}
