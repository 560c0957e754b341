/** Keeps one deployment at a number of tasks: starts what is missing, stops what is too much, replaces what is unhealthy. */
import type { Deployment } from '../service/service.ts';
import type { Draft } from './draft.ts';
import { messages, stopReasons } from './messages.ts';
import { isLive, type ServiceTask } from './service-task.ts';
import { isFailing, pausedUntil } from './settle.ts';
import { choosePlacements, chooseVictims } from './spread.ts';

export interface KeepLimits {
  /** Tasks that may be started at most. */
  readonly room: number;
  /** The deployment starts nothing. */
  readonly frozen?: boolean;
}

export interface Kept {
  /** Tasks that are there and not unhealthy. */
  readonly good: readonly ServiceTask[];
  readonly healthy: number;
  /** Tasks that are missing and were not started by this plan. */
  readonly missing: number;
}

export function keepCount(draft: Draft, deployment: Deployment, target: number, limits: KeepLimits): Kept {
  const own = draft.kept(deployment.id);
  const unhealthy = own.filter((task) => draft.unhealthy(task));
  const good = own.filter((task) => !unhealthy.includes(task));
  const healthy = good.filter((task) => draft.healthy(task)).length;
  // What takes their place waits for the pause that their failure makes.
  const failing = draft.tasks.filter(
    (task) => task.deploymentId === deployment.id && isFailing(task, draft.rules.healthyAfter),
  );
  const needed = limits.frozen ? 0 : Math.max(0, target - good.length - failing.length);
  const started = start(draft, deployment, good, Math.min(needed, Math.max(0, limits.room)));
  if (good.length > target) scaleIn(draft, deployment, good, good.length - target);
  const missing = needed - started;
  if (!limits.frozen) {
    const hindered = missing > 0 && (limits.room <= started || deployment.waitsForCapacity !== undefined);
    replaceUnhealthy(draft, unhealthy, { surplus: healthy + unhealthy.length - target, hindered });
  }
  return { good, healthy, missing };
}

/** How many are started: none before the pause after failures is over. */
function start(draft: Draft, deployment: Deployment, good: readonly ServiceTask[], count: number): number {
  if (count === 0) return 0;
  const until = pausedUntil(deployment, draft.input.capacityFreed, draft.now);
  draft.lookAgain(until);
  if (until !== undefined) return 0;
  draft.start(deployment, choosePlacements(deployment, draft.service.region, good, count));
  return count;
}

/** Protected tasks stay; the service says that it cannot reach what is wanted because of them. */
export function scaleIn(
  draft: Draft,
  deployment: Deployment,
  tasks: readonly ServiceTask[],
  count: number,
  isRipe: (task: ServiceTask) => boolean = (task) => draft.healthy(task),
): void {
  const free = tasks.filter((task) => !draft.protected(task));
  const victims = chooseVictims(deployment, free, count, isRipe);
  stopScaling(draft, victims);
  if (victims.length < count) {
    draft.sayOnce(messages.protectedTasks(draft.service.name, deployment.id));
    for (const { protectedUntil } of tasks) if ((protectedUntil ?? 0) > draft.now) draft.lookAgain(protectedUntil);
  }
}

/** Stops tasks because others take their place, or none is wanted. */
export function stopScaling(draft: Draft, tasks: readonly ServiceTask[]): void {
  if (tasks.length === 0) return;
  const initiator = draft.primary?.id ?? tasks[0]?.deploymentId ?? '';
  draft.stop(tasks, stopReasons.scaling(initiator));
  draft.say(
    messages.stopped(
      draft.service.name,
      tasks.map(({ id }) => id),
    ),
  );
}

/**
 * An unhealthy task goes when a healthy one has taken its place. Where there is no room for that, unhealthy tasks go one
 * by one: none of them counts towards minimumHealthyPercent.
 */
function replaceUnhealthy(
  draft: Draft,
  unhealthy: readonly ServiceTask[],
  { surplus, hindered }: { readonly surplus: number; readonly hindered: boolean },
): void {
  const isBusy = draft.tasks.some((task) => isLive(task) && draft.isStopping(task));
  const count = surplus > 0 ? surplus : hindered && !isBusy ? 1 : 0;
  const victims = [...unhealthy].sort((a, b) => a.createdAt - b.createdAt).slice(0, count);
  if (victims.length === 0) return;
  draft.stop(victims, stopReasons.failedChecks);
  for (const { id } of victims) draft.say(messages.failedChecks(draft.service.name, id));
  draft.say(
    messages.stopped(
      draft.service.name,
      victims.map(({ id }) => id),
    ),
  );
}
