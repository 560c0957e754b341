/** Virtual time, random luck: whatever happens to a service and its scheduler, what ECS promises holds at every step. */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { converges, halfLook, lookChecked } from './promises.ts';
import { deploy, ends, newWorld, runs, stopTask, type World, type WorldTask } from './world.ts';

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
        converges(world);
      }),
      { numRuns: 200, seed: 20_260_101 },
    );
  });
});
