/** A task as the service scheduler sees it, and what it counts as. Pure. */
import { healthStatus, type LastStatus, lastStatus, lifecycle, stopDecision } from '../lifecycle.ts';
import type { HealthStatus, Millis, StopCode, Task } from '../task.ts';

export interface ServiceTask {
  readonly id: string;
  /** What its startedBy says. */
  readonly deploymentId: string;
  readonly lastStatus: LastStatus;
  /** Somebody decided that it stops. */
  readonly stopping: boolean;
  readonly stopCode?: StopCode;
  readonly stopReason?: string;
  readonly health: HealthStatus;
  /** An essential container has a health check. */
  readonly checked: boolean;
  readonly createdAt: Millis;
  readonly startedAt?: Millis;
  /** End of its first essential container, or of the task. */
  readonly endedAt?: Millis;
  readonly zone: string;
  readonly subnetId: string;
  readonly provider?: string;
  readonly protectedUntil?: Millis;
  /** Digests of the images that it has pulled, by container. */
  readonly digests: Readonly<Record<string, string>>;
}

export function serviceTask(task: Task): ServiceTask {
  const { spec, observed, wanted } = task;
  const stop = stopDecision(task);
  const endedAt = observed.executionStoppedAt ?? observed.stoppedAt;
  return {
    id: spec.taskId,
    deploymentId: spec.startedBy ?? '',
    lastStatus: lastStatus(task),
    stopping: stop !== undefined,
    ...(stop && { stopCode: stop.code, stopReason: stop.reason }),
    health: healthStatus(task),
    checked: spec.containers.some(({ essential, hasHealthCheck }) => essential && hasHealthCheck),
    createdAt: spec.createdAt,
    ...(observed.startedAt !== undefined && { startedAt: observed.startedAt }),
    ...(endedAt !== undefined && { endedAt }),
    zone: spec.availabilityZone,
    subnetId: spec.subnetId,
    ...(spec.capacityProviderName !== undefined && { provider: spec.capacityProviderName }),
    ...(wanted.protectedUntil !== undefined && { protectedUntil: wanted.protectedUntil }),
    digests: Object.fromEntries(
      Object.entries(observed.containers).flatMap(([name, { imageDigest }]) =>
        imageDigest === undefined ? [] : [[name, imageDigest]],
      ),
    ),
  };
}

export interface HealthRules {
  /** Milliseconds after RUNNING at which a task without a health check counts as healthy. */
  readonly healthyAfter: Millis;
  /** Milliseconds after RUNNING in which failed checks do not count. */
  readonly gracePeriod: Millis;
}

/** RUNNING, PENDING or STOPPING: what counts towards maximumPercent. */
export function isLive(task: ServiceTask): boolean {
  return lifecycle[task.lastStatus].order < lifecycle.DEPROVISIONING.order;
}

export function hasStopped(task: ServiceTask): boolean {
  return task.lastStatus === 'STOPPED';
}

/** Counts towards minimumHealthyPercent. */
export function isHealthy(task: ServiceTask, rules: HealthRules, now: Millis): boolean {
  if (task.stopping || task.lastStatus !== 'RUNNING' || task.startedAt === undefined) return false;
  return task.checked ? task.health === 'HEALTHY' : now >= task.startedAt + rules.healthyAfter;
}

export function isUnhealthy(task: ServiceTask, rules: HealthRules, now: Millis): boolean {
  if (task.stopping || task.lastStatus !== 'RUNNING' || task.startedAt === undefined) return false;
  return task.health === 'UNHEALTHY' && now >= task.startedAt + rules.gracePeriod;
}

/** When time alone changes what the task counts as; undefined: only an event does. */
export function changesAt(task: ServiceTask, rules: HealthRules, now: Millis): Millis | undefined {
  if (task.stopping || task.lastStatus !== 'RUNNING' || task.startedAt === undefined) return undefined;
  const at = task.checked
    ? task.health === 'UNHEALTHY'
      ? task.startedAt + rules.gracePeriod
      : undefined
    : task.startedAt + rules.healthyAfter;
  return at !== undefined && at > now ? at : undefined;
}

export function isProtected(task: ServiceTask, now: Millis): boolean {
  return task.protectedUntil !== undefined && task.protectedUntil > now;
}
