/** Virtual time, random luck: whatever happens to a service and its scheduler, what ECS promises holds at every step. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { primaryOf } from '../../core/service/service.ts';
import { leastHealthy, mostTasks } from '../../core/service-plan/arithmetic.ts';
import type { Plan } from '../../core/service-plan/draft.ts';
import { isHealthy } from '../../core/service-plan/service-task.ts';
import {
  deploy,
  ends,
  healthyAfter,
  kept,
  live,
  look,
  newWorld,
  plan,
  runs,
  settleDown,
  stopTask,
  type World,
  type WorldTask,
} from './world.ts';

const rules = (world: World) => ({
  healthyAfter,
  gracePeriod: world.service.healthCheckGracePeriodSeconds * 1000,
});
const healthy = (world: World) => kept(world).filter((task) => isHealthy(task, rules(world), world.now));

/** Looks with the promises checked: `before` is what was there when the look began. */
function lookChecked(world: World): void {
  let before = snapshot(world);
  look(world, (after, planned) => {
    check(before, after, planned);
    before = snapshot(after);
  });
}

function snapshot(world: World) {
  return { live: live(world).length, healthy: healthy(world).length };
}

function check(before: ReturnType<typeof snapshot>, world: World, planned: Plan): void {
  const { service } = world;
  const { maximumPercent, minimumHealthyPercent } = service.deploymentConfiguration;
  const primaries = service.deployments.filter(({ status }) => status === 'PRIMARY');
  must(primaries.length === 1, `${primaries.length} PRIMARY deployments`);
  if (service.status !== 'ACTIVE') {
    must(planned.starts.length === 0, 'a deleted service starts tasks');
    must(kept(world).length === 0, 'a deleted service keeps tasks');
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

/** Not `expect`, which is slow: this is asked a hundred thousand times. */
function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

/** The scheduler dies after it recorded what it decided, before it did any of it. */
function halfLook(world: World): void {
  const planned = plan(world);
  world.service = planned.service;
  for (const id of planned.settled) world.tasks.delete(id);
  world.started = [];
}

type Action = readonly [kind: string, number: number];

function act(world: World, [kind, number]: Action): void {
  const tasks = [...world.tasks.values()];
  const pick = (from: readonly WorldTask[]): WorldTask | undefined => from[number % Math.max(1, from.length)];
  const pending = tasks.filter(({ lastStatus }) => lastStatus === 'PROVISIONING' || lastStatus === 'PENDING');
  const running = tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING');
  const active = world.service.status === 'ACTIVE';
  switch (kind) {
    case 'time':
      world.now += number * 1000;
      break;
    case 'runs': {
      const task = pick(pending);
      if (task && !task.stopping) runs(world, task, number % 3 === 0 ? 'UNKNOWN' : undefined);
      break;
    }
    case 'all run':
      for (const task of pending) if (!task.stopping) runs(world, task);
      break;
    case 'health': {
      const task = pick(running.filter(({ checked }) => checked));
      if (task) task.health = number % 2 === 0 ? 'HEALTHY' : 'UNHEALTHY';
      break;
    }
    case 'dies': {
      const task = pick(running);
      if (task) ends(world, task);
      break;
    }
    case 'fails': {
      const task = pick(pending);
      if (!task) break;
      stopTask(task, 'TaskFailedToStart', 'CannotPullContainerError: none');
      ends(world, task);
      break;
    }
    case 'host is lost':
      for (const task of tasks.filter((_, index) => index % 3 === number % 3)) {
        stopTask(task, 'TerminationNotice', 'Host terminated.');
        task.lastStatus = 'STOPPED';
        task.endedAt = world.now;
      }
      break;
    case 'has stopped':
      for (const task of tasks.filter(({ stopping }) => stopping)) ends(world, task);
      break;
    case 'protect': {
      const task = pick(running);
      if (task) task.protectedUntil = world.now + number * 10_000;
      break;
    }
    case 'deploy':
      if (active) deploy(world);
      break;
    case 'scale':
      if (active) world.service = { ...world.service, desiredCount: number % 12, rebalancing: false };
      break;
    case 'delete':
      if (active && number % 10 === 0) world.service = { ...world.service, status: 'DRAINING', desiredCount: 0 };
      break;
    case 'capacity':
      world.capacity = number % 2 === 0 ? undefined : number % 8;
      break;
    case 'scheduler dies':
      halfLook(world);
      break;
    default:
      lookChecked(world);
  }
}

const kinds = [
  ...['look', 'look', 'look', 'time', 'runs', 'all run', 'all run', 'health', 'dies', 'fails', 'host is lost'],
  ...['has stopped', 'has stopped', 'protect', 'deploy', 'scale', 'delete', 'capacity', 'scheduler dies'],
];

const rounds = fc.record({
  desiredCount: fc.integer({ min: 0, max: 10 }),
  maximumPercent: fc.constantFrom(100, 125, 150, 200, 400),
  minimumHealthyPercent: fc.constantFrom(0, 50, 75, 100),
  breaker: fc.constantFrom(undefined, { enable: true, rollback: false }, { enable: true, rollback: true }),
  rebalancing: fc.boolean(),
  actions: fc.array(fc.tuple(fc.constantFrom(...kinds), fc.integer({ min: 0, max: 100 })), {
    minLength: 20,
    maxLength: 120,
  }),
});

describe('a service in bad luck', () => {
  it('keeps what is promised at every step, and converges when luck returns', () => {
    fc.assert(
      fc.property(rounds, ({ actions, desiredCount, maximumPercent, minimumHealthyPercent, breaker, rebalancing }) => {
        fc.pre(!(maximumPercent === 100 && minimumHealthyPercent === 100));
        const world = newWorld({
          desiredCount,
          availabilityZoneRebalancing: rebalancing && maximumPercent > 100 ? 'ENABLED' : 'DISABLED',
          deploymentConfiguration: {
            maximumPercent,
            minimumHealthyPercent,
            ...(breaker && { deploymentCircuitBreaker: breaker }),
          },
        });
        for (const action of actions) act(world, action);
        converges(world, minimumHealthyPercent, maximumPercent);
      }),
      { numRuns: 200, seed: 20_260_101 },
    );
  });
});

function converges(world: World, minimumHealthyPercent: number, maximumPercent: number): void {
  world.capacity = undefined;
  for (const task of world.tasks.values()) {
    delete task.protectedUntil;
    if (task.checked) task.health = 'HEALTHY';
  }
  settleDown(world, undefined, 600);
  const { service } = world;
  if (service.status !== 'ACTIVE') {
    expect(service.status).toBe('INACTIVE');
    expect(live(world)).toEqual([]);
    return;
  }
  const primary = primaryOf(service);
  if (primary?.rolloutState === 'FAILED') return;
  // Three tasks at 125 percent leave no room for a fourth: such a deployment waits for a change, as in ECS.
  const most = mostTasks(service.desiredCount, maximumPercent);
  const floor = leastHealthy(service.desiredCount, minimumHealthyPercent);
  if (!world.steady && most <= service.desiredCount && floor >= service.desiredCount) return;
  expect(world.steady, 'steady').toBe(true);
  expect(kept(world)).toHaveLength(service.desiredCount);
  expect(service.deployments).toHaveLength(1);
  expect(primary?.rolloutState).toBe('COMPLETED');
  expect(service.stopping).toEqual({});
}
