/** What ECS promises of a service at every step, whatever happens to it, checked in the world of `world.ts`. */
import { serviceView } from '../../api/ecs/service/view.ts';
import { lifecycle } from '../../core/lifecycle.ts';
import { primaryOf } from '../../core/service/service.ts';
import { leastHealthy, mostTasks } from '../../core/service-plan/arithmetic.ts';
import type { Plan } from '../../core/service-plan/draft.ts';
import { isHealthy } from '../../core/service-plan/service-task.ts';
import { deploy, healthyAfter, kept, live, look, plan, settleDown, type World } from './world.ts';

const rules = (world: World) => ({
  healthyAfter,
  gracePeriod: world.service.healthCheckGracePeriodSeconds * 1000,
});
/** What was decided counts, whether or not the task has heard of it. */
const healthy = (world: World) =>
  kept(world).filter((task) => !world.service.stopping[task.id] && isHealthy(task, rules(world), world.now));

/** Looks with the promises checked at each step of it. */
export function lookChecked(world: World): void {
  let before = snapshot(world);
  look(world, (after, planned) => {
    check(before, after, planned);
    before = snapshot(after);
  });
}

/** The scheduler dies after it recorded what it decided, before it did any of it. */
export function halfLook(world: World): void {
  const before = snapshot(world);
  const planned = plan(world);
  world.service = planned.service;
  world.events.push(...planned.events);
  for (const id of planned.settled) world.tasks.delete(id);
  world.started = [];
  check(before, world, planned);
}

function snapshot(world: World) {
  return { live: live(world).length, healthy: healthy(world).length };
}

function check(before: ReturnType<typeof snapshot>, world: World, planned: Plan): void {
  const { service } = world;
  const { maximumPercent, minimumHealthyPercent } = service.deploymentConfiguration;
  const primaries = service.deployments.filter(({ status }) => status === 'PRIMARY');
  must(primaries.length === 1, `${primaries.length} PRIMARY deployments`);
  checkCounts(world);
  if (service.status !== 'ACTIVE') {
    must(planned.starts.length === 0, 'a deleted service starts tasks');
    must(
      kept(world).every(({ id }) => service.stopping[id]),
      'a deleted service keeps tasks',
    );
    return;
  }
  const most = Math.max(mostTasks(service.desiredCount, maximumPercent), before.live);
  must(live(world).length <= most, `${live(world).length} tasks live, more than ${most}`);
  const floor = leastHealthy(service.desiredCount, minimumHealthyPercent);
  const left = healthy(world).length;
  must(left >= floor || left >= before.healthy, `${left} healthy tasks left, fewer than ${floor}`);
  const owners = new Set(live(world).map(({ deploymentId }) => deploymentId));
  must(
    service.deployments.every(({ id, status }) => status === 'PRIMARY' || owners.has(id)),
    'a deployment without tasks is still there',
  );
}

/** Every task that is counted belongs to a deployment that is described, and the other way round. */
function checkCounts({ service, tasks }: World): void {
  const counts: Record<string, { running: number; pending: number }> = {};
  let [running, pending] = [0, 0];
  for (const { deploymentId, lastStatus } of tasks.values()) {
    counts[deploymentId] ??= { running: 0, pending: 0 };
    const count = counts[deploymentId];
    const { counted } = lifecycle[lastStatus];
    if (counted === 'running') [count.running, running] = [count.running + 1, running + 1];
    if (counted === 'pending') [count.pending, pending] = [count.pending + 1, pending + 1];
  }
  const view = serviceView({ service, counts }, { events: [], tags: false });
  const sum = (each: 'runningCount' | 'pendingCount') =>
    (view.deployments ?? []).reduce((total, deployment) => total + (deployment[each] ?? 0), 0);
  must(view.runningCount === running && sum('runningCount') === running, `${running} tasks run, others are told`);
  must(view.pendingCount === pending && sum('pendingCount') === pending, `${pending} tasks are pending, others told`);
}

/** Not `expect`, which is slow: this is asked a hundred thousand times. */
export function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

/** Luck returns: all that is needed comes to pass, and the service comes to what was wanted of it. */
export function converges(world: World): void {
  world.capacity = undefined;
  for (const task of world.tasks.values()) {
    delete task.protectedUntil;
    if (task.checked) task.health = 'HEALTHY';
  }
  settleDown(world, undefined, 600);
  const { service } = world;
  if (service.status !== 'ACTIVE') {
    must(service.status === 'INACTIVE', `a deleted service is ${service.status}`);
    must(live(world).length === 0, 'a deleted service has tasks');
    return;
  }
  if (primaryOf(service)?.rolloutState === 'FAILED') {
    staysFailed(world);
    deploy(world);
    settleDown(world, undefined, 600);
  }
  isAsWanted(world);
}

/** A deployment that failed stays with what runs: it starts nothing and stops no more than too many wished for. */
function staysFailed(world: World): void {
  const { service } = world;
  must(service.serviceDeployment?.finishedAt !== undefined, 'a failed deployment is not over in the history');
  must(kept(world).length <= service.desiredCount, `${kept(world).length} tasks kept, ${service.desiredCount} wanted`);
  const before = [...world.tasks.keys()];
  const { deployments } = service;
  world.now += 24 * 3600_000;
  lookChecked(world);
  must(world.lookAgainAt === undefined, 'a failed deployment is looked at again and again');
  must(world.service.deployments === deployments, 'a failed deployment changes');
  must(world.tasks.size === before.length && before.every((id) => world.tasks.has(id)), 'a failed deployment moves');
}

function isAsWanted(world: World): void {
  const { service, steady } = world;
  const { maximumPercent, minimumHealthyPercent } = service.deploymentConfiguration;
  // Three tasks at 125 percent leave no room for a fourth: such a deployment waits for a change, as in ECS.
  const most = mostTasks(service.desiredCount, maximumPercent);
  const floor = leastHealthy(service.desiredCount, minimumHealthyPercent);
  if (!steady && most <= service.desiredCount && floor >= service.desiredCount) return;
  must(steady, 'the service does not become steady');
  must(kept(world).length === service.desiredCount, `${kept(world).length} tasks, not ${service.desiredCount}`);
  must(service.deployments.length === 1, `${service.deployments.length} deployments are left`);
  must(primaryOf(service)?.rolloutState === 'COMPLETED', 'the deployment is not COMPLETED');
  must(Object.keys(service.stopping).length === 0, 'tasks are still to be stopped');
}
