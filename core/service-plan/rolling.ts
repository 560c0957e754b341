/** The rolling update, and every day between two of them: the PRIMARY deployment grows to the desired count, others shrink. */
import type { Deployment } from '../service/service.ts';
import { leastHealthy, mostTasks } from './arithmetic.ts';
import type { Draft } from './draft.ts';
import { type Kept, keepCount, scaleIn, stopScaling } from './keep.ts';
import { messages } from './messages.ts';
import { changesAt, isLive, type ServiceTask } from './service-task.ts';
import { choosePlacements, tasksByZone } from './spread.ts';

/** True when the PRIMARY deployment is complete: all its tasks count as healthy, and no others are left. */
export function planRolling(draft: Draft, primary: Deployment): boolean {
  const { desiredCount, deploymentConfiguration } = draft.service;
  const { maximumPercent, minimumHealthyPercent } = deploymentConfiguration;
  const frozen = primary.rolloutState === 'FAILED';
  const live = draft.live();
  const room = mostTasks(desiredCount, maximumPercent) - live.length;
  const surplus = draft.service.rebalancing ? 1 : 0;
  const kept = keepCount(draft, primary, desiredCount + surplus, { room, frozen });
  const others = live.filter((task) => task.deploymentId !== primary.id && !draft.isStopping(task));
  const floor = leastHealthy(desiredCount, minimumHealthyPercent);
  if (frozen) scaleInOthers(draft, primary, others, desiredCount - kept.healthy);
  else shrinkOthers(draft, primary, { kept, others, floor, desiredCount });
  lookWhenHealthy(draft, others.length > 0);
  const rest = live.filter((task) => task.deploymentId !== primary.id);
  return kept.healthy >= desiredCount && kept.good.length === desiredCount + surplus && rest.length === 0;
}

interface Situation {
  readonly kept: Kept;
  /** Tasks of other deployments that nobody stops yet. */
  readonly others: readonly ServiceTask[];
  readonly floor: number;
  readonly desiredCount: number;
}

/**
 * Other deployments' tasks are kept for as long as they stand in for healthy ones of the PRIMARY deployment. More of
 * them go, down to the floor, where their room is needed for new ones.
 */
function shrinkOthers(draft: Draft, primary: Deployment, { kept, others, floor, desiredCount }: Situation): void {
  const isUp = (task: ServiceTask) => task.lastStatus === 'RUNNING' && !draft.unhealthy(task);
  const worthless = others.filter((task) => !isUp(task));
  const standIns = others
    .filter(isUp)
    .sort((a, b) => Number(draft.healthy(b)) - Number(draft.healthy(a)) || a.createdAt - b.createdAt);
  const cover = Math.max(0, desiredCount - kept.healthy);
  const leaving = draft.tasks.filter((task) => isLive(task) && draft.isStopping(task)).length;
  // The wait for a pause to end is no lack of room.
  const lacksRoom = kept.missing > 0 && draft.starting(primary.id) === 0;
  const covering = standIns.slice(0, cover);
  const healthy = covering.filter((task) => draft.healthy(task)).length;
  // Those that do not count as healthy yet can go without taking from the floor.
  const spare = covering.length - healthy + (kept.healthy + healthy - floor);
  const wanted = lacksRoom && isBlocked(draft, primary) ? kept.missing - leaving : 0;
  const extra = Math.max(0, Math.min(wanted, spare, covering.length));
  const stops = [...worthless, ...standIns.slice(covering.length - extra)];
  const free = stops.filter((task) => !draft.protected(task));
  stopScaling(draft, free);
  if (free.length < stops.length) {
    draft.sayOnce(messages.protectedTasks(draft.service.name, primary.id));
    for (const { protectedUntil } of stops) if ((protectedUntil ?? 0) > draft.now) draft.lookAgain(protectedUntil);
  }
  const waits = kept.good.some((task) => !draft.healthy(task)) || leaving > 0 || free.length > 0;
  if (lacksRoom && isBlocked(draft, primary) && !waits && !primary.waitsForCapacity)
    draft.sayOnce(messages.hindered(draft.service.name));
}

/** A failed deployment replaces nobody: what runs beside it goes only when fewer tasks are wanted. */
function scaleInOthers(draft: Draft, primary: Deployment, others: readonly ServiceTask[], wanted: number): void {
  const surplus = others.length - Math.max(0, wanted);
  if (surplus > 0) scaleIn(draft, primary, others, surplus);
}

/** Nothing but a lack of room keeps tasks from being started: maximumPercent's, or the workers'. */
function isBlocked(draft: Draft, primary: Deployment): boolean {
  return primary.pace === undefined || draft.now >= primary.pace.notBefore;
}

/** Where others wait to be replaced, each task that becomes healthy counts; else only the last one does. */
export function lookWhenHealthy(draft: Draft, eachCounts: boolean): void {
  const times = draft.tasks
    .filter((task) => !draft.isStopping(task))
    .flatMap((task) => changesAt(task, draft.rules, draft.now) ?? []);
  if (times.length > 0) draft.lookAgain(eachCounts ? Math.min(...times) : Math.max(...times));
}

/**
 * Evens out the zones of a steady service, one task at a time: one more in the emptiest zone, and when that counts as
 * healthy, one less in the fullest. False: there is nothing to even out.
 * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html)
 */
export function rebalance(draft: Draft, primary: Deployment): boolean {
  const { availabilityZoneRebalancing, desiredCount, deploymentConfiguration, name, region } = draft.service;
  const own = draft.kept(primary.id);
  const zones = tasksByZone(primary, region, own);
  if (draft.service.rebalancing) {
    if (own.length <= desiredCount || own.some((task) => !draft.healthy(task))) return true;
    scaleIn(draft, primary, own, own.length - desiredCount, () => true);
    draft.change({ rebalancing: false });
    const after = tasksByZone(primary, region, draft.kept(primary.id));
    if (!isUneven(after)) draft.say(messages.balanced(name, messages.zones(after)));
    return true;
  }
  if (availabilityZoneRebalancing !== 'ENABLED') return false;
  if (!isUneven(zones) || mostTasks(desiredCount, deploymentConfiguration.maximumPercent) <= draft.live().length)
    return false;
  draft.sayOnce(messages.unbalanced(name, messages.zones(zones)));
  draft.change({ rebalancing: true });
  draft.start(primary, choosePlacements(primary, region, own, 1));
  return true;
}

function isUneven(zones: readonly (readonly [zone: string, tasks: number])[]): boolean {
  const counts = zones.map(([, tasks]) => tasks);
  return counts.length > 1 && Math.max(...counts) - Math.min(...counts) > 1;
}
