/** Accounts for tasks that have ended: which of them count as failures of their deployment, and what that slows down. */
import type { Deployment, Pace } from '../service/service.ts';
import type { Millis } from '../task.ts';
import { pauseAfterEarlyEnd, pauseAfterFailedStart } from './arithmetic.ts';
import type { Draft } from './draft.ts';
import { messages, stopReasons } from './messages.ts';
import { isRollback } from './rollout.ts';
import { hasStopped, type ServiceTask } from './service-task.ts';

/** Attempts without a task that reached RUNNING after which the service says so. */
const attemptsToComplain = 3;

type Failure = 'failed to start' | 'ended early' | 'failed health checks';

export function settle(draft: Draft): void {
  const failures = new Map<string, Failure[]>();
  for (const task of draft.tasks) {
    if (!hasStopped(task)) continue;
    draft.settled.push(task.id);
    const failure = failureOf(task, draft.rules.healthyAfter);
    if (failure) failures.set(task.deploymentId, [...(failures.get(task.deploymentId) ?? []), failure]);
    if (failure === 'failed to start' && task.stopReason)
      draft.sayOnce(messages.unableToPlace(draft.service.name, task.stopReason));
  }
  forgetStops(draft);
  for (const deployment of draft.service.deployments) {
    const failed = failures.get(deployment.id) ?? [];
    if (failed.length > 0) count(draft, deployment, failed);
    else recover(draft, deployment);
  }
}

/** Stops that every task has heard of, or that ended before. */
function forgetStops(draft: Draft): void {
  const heard = new Set(draft.input.tasks.filter(({ stopping }) => !stopping).map(({ id }) => id));
  const left = Object.entries(draft.service.stopping).filter(([id]) => heard.has(id));
  if (left.length < Object.keys(draft.service.stopping).length) draft.change({ stopping: Object.fromEntries(left) });
}

/** Only what the task did by itself, or what its health checks said of it, is a failure. */
export function failureOf(task: ServiceTask, healthyAfter: Millis): Failure | undefined {
  if (task.stopCode === 'ServiceSchedulerInitiated')
    return task.stopReason === stopReasons.failedChecks ? 'failed health checks' : undefined;
  if (task.stopCode === 'TaskFailedToStart') return 'failed to start';
  if (task.stopCode !== 'EssentialContainerExited') return undefined;
  if (task.startedAt === undefined) return 'failed to start';
  if (task.checked) return task.health === 'HEALTHY' ? undefined : 'ended early';
  return (task.endedAt ?? 0) - task.startedAt < healthyAfter ? 'ended early' : undefined;
}

/** Ends by itself as a failure that slows its deployment down, which is known for sure and counted when it is STOPPED. */
export function isFailing(task: ServiceTask, healthyAfter: Millis): boolean {
  if (!task.stopping || hasStopped(task) || task.stopCode === 'ServiceSchedulerInitiated') return false;
  if (task.startedAt !== undefined && task.endedAt === undefined) return false;
  return failureOf(task, healthyAfter) !== undefined;
}

function count(draft: Draft, deployment: Deployment, failures: readonly Failure[]): void {
  const { now } = draft;
  const paced = failures.filter((failure) => failure !== 'failed health checks');
  let pace = deployment.pace;
  // Tasks of one attempt fail together: they are one more attempt, not many.
  if (paced.length > 0 && (pace === undefined || now >= pace.notBefore)) {
    const attempts = (pace?.attempts ?? 0) + 1;
    const neverRan = paced.includes('failed to start');
    const pause = neverRan ? pauseAfterFailedStart(attempts) : pauseAfterEarlyEnd(attempts);
    pace = { attempts, failedAt: now, notBefore: now + pause };
    if (neverRan && attempts >= attemptsToComplain && deployment.rolloutState !== 'FAILED')
      draft.sayOnce(messages.unableToStart(draft.service.name));
  }
  draft.changeDeployment(deployment.id, {
    failedTasks: deployment.failedTasks + failures.length,
    lastFailureAt: now,
    ...(pace && { pace }),
  });
  const { serviceDeployment: history } = draft.service;
  if (history && isMonitored(draft, deployment) && deployment.rolloutState === 'IN_PROGRESS')
    draft.changeHistory({
      breaker: { ...history.breaker, failureCount: history.breaker.failureCount + failures.length },
    });
}

/** A task that came to count as healthy after the last failure ends the row of failures. */
function recover(draft: Draft, deployment: Deployment): void {
  const since = deployment.lastFailureAt;
  if (since === undefined) return;
  const recovered = draft.tasks.some(
    (task) =>
      task.deploymentId === deployment.id &&
      draft.healthy(task) &&
      (task.checked ? task.createdAt : (task.startedAt ?? 0) + draft.rules.healthyAfter) >= since,
  );
  if (!recovered) return;
  const { pace: _, lastFailureAt: __, ...rest } = deployment;
  draft.change({
    deployments: draft.service.deployments.map((each) =>
      each.id === deployment.id ? { ...rest, failedTasks: 0, updatedAt: draft.now } : each,
    ),
  });
  const { serviceDeployment: history, deploymentConfiguration } = draft.service;
  if (
    history &&
    isMonitored(draft, deployment) &&
    history.breaker.failureCount > 0 &&
    deploymentConfiguration.deploymentCircuitBreaker?.resetOnHealthyTask !== false
  )
    draft.changeHistory({ breaker: { ...history.breaker, failureCount: 0 } });
}

/** Its failures count for the history's circuit breaker, which is no longer asked once there is a rollback. */
function isMonitored(draft: Draft, deployment: Deployment): boolean {
  const { serviceDeployment: history } = draft.service;
  return history !== undefined && !isRollback(history) && draft.primary?.id === deployment.id;
}

/** When a deployment may start tasks again; undefined: now. */
export function pausedUntil(deployment: Deployment, capacityFreed: boolean, now: Millis): Millis | undefined {
  const waits: (Pace | undefined)[] = [deployment.pace, capacityFreed ? undefined : deployment.waitsForCapacity];
  const until = Math.max(...waits.map((wait) => wait?.notBefore ?? 0));
  return until > now ? until : undefined;
}
