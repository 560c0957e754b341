import { describe, expect, it } from 'vitest';
import { primaryOf } from '../../core/service/service.ts';
import {
  breakerThreshold,
  leastHealthy,
  mostTasks,
  pauseAfterFailedStart,
} from '../../core/service-plan/arithmetic.ts';
import {
  deploy,
  ends,
  kept,
  live,
  look,
  newWorld,
  plan,
  revision,
  runs,
  settleDown,
  stopTask,
  type World,
} from './world.ts';

const ofDeployment = (world: World, id: string) => kept(world).filter(({ deploymentId }) => deploymentId === id);
const words = (world: World) => world.events.map((event) => event.replaceAll(/\(task [^)]+\)/g, '(task)'));

describe('arithmetic', () => {
  it.each([
    [4, 100, 4],
    [4, 50, 2],
    [3, 50, 2],
    [2, 75, 2],
    [0, 100, 0],
  ])('keeps of %i tasks at %i percent at least %i healthy', (desired, percent, least) => {
    expect(leastHealthy(desired, percent)).toBe(least);
  });

  it.each([
    [4, 200, 8],
    [3, 125, 3],
    [1, 150, 1],
    [3, 150, 4],
  ])('lets of %i tasks at %i percent at most %i live', (desired, percent, most) => {
    expect(mostTasks(desired, percent)).toBe(most);
  });

  it.each([
    [1, 3],
    [25, 13],
    [400, 200],
    [800, 200],
  ])('fails a deployment of %i tasks at %i failures', (desired, threshold) => {
    expect(breakerThreshold(desired, { enable: true, rollback: false })).toBe(threshold);
  });

  it('counts failures as configured', () => {
    const breaker = (type: 'COUNT' | 'UNBOUNDED_PERCENT', value: number) =>
      breakerThreshold(1000, { enable: true, rollback: false, thresholdConfiguration: { type, value } });
    expect(breaker('COUNT', 7)).toBe(7);
    expect(breaker('UNBOUNDED_PERCENT', 50)).toBe(500);
  });

  it('waits longer after each failed attempt, up to 27 minutes', () => {
    const pauses = Array.from({ length: 20 }, (_, index) => pauseAfterFailedStart(index + 1));
    expect(pauses.slice(0, 4)).toEqual([1000, 2000, 4000, 8000]);
    expect(pauses.at(-1)).toBe(27 * 60_000);
  });
});

describe('a new service', () => {
  it('starts what is wanted, completes when it is healthy, and says so in order', () => {
    const world = newWorld({ desiredCount: 2 });
    settleDown(world);
    const { id = '' } = primaryOf(world.service) ?? {};
    expect(words(world)).toEqual([
      '(service web) has started 2 tasks: (task) (task).',
      `(service web) (deployment ${id}) deployment completed.`,
      '(service web) has reached a steady state.',
    ]);
    expect(world.service.serviceDeployment).toMatchObject({ status: 'SUCCESSFUL', sources: [] });
    expect(world.steady).toBe(true);
  });

  it('is complete with no tasks when none are wanted', () => {
    const world = newWorld({ desiredCount: 0 });
    settleDown(world);
    expect(primaryOf(world.service)?.rolloutState).toBe('COMPLETED');
    expect(live(world)).toHaveLength(0);
  });

  it('does not count a task without health check as healthy before 40 seconds', () => {
    const world = newWorld({ desiredCount: 1 });
    look(world);
    for (const task of live(world)) runs(world, task);
    look(world);
    expect(primaryOf(world.service)?.rolloutState).toBe('IN_PROGRESS');
    expect(world.lookAgainAt).toBe(world.now + 40_000);
    world.now += 40_000;
    look(world);
    expect(primaryOf(world.service)?.rolloutState).toBe('COMPLETED');
  });

  it('spreads its tasks over the zones of its subnets', () => {
    const world = newWorld({ desiredCount: 6 });
    look(world);
    expect(
      live(world)
        .map(({ zone }) => zone)
        .sort(),
    ).toEqual(['a', 'a', 'b', 'b', 'c', 'c'].map((letter) => `us-east-1${letter}`));
  });

  it('splits its tasks over capacity providers, those it starts later too', () => {
    const first = {
      ...revision(),
      capacityProviderStrategy: [
        { capacityProvider: 'FARGATE', base: 1, weight: 1 },
        { capacityProvider: 'FARGATE_SPOT', base: 0, weight: 3 },
      ],
    };
    const world = newWorld({ desiredCount: 5 }, first);
    look(world);
    const count = (provider: string) => kept(world).filter((task) => task.provider === provider).length;
    expect([count('FARGATE'), count('FARGATE_SPOT')]).toEqual([2, 3]);
    world.service = { ...world.service, desiredCount: 9 };
    look(world);
    expect([count('FARGATE'), count('FARGATE_SPOT')]).toEqual([3, 6]);
  });
});

describe('a rolling deployment', () => {
  const steadyWorld = (changes: Parameters<typeof newWorld>[0] = {}) => {
    const world = newWorld({ desiredCount: 4, ...changes });
    settleDown(world);
    world.events.length = 0;
    return world;
  };

  it('starts all new tasks and stops an old one for each that is healthy', () => {
    const world = steadyWorld();
    const old = primaryOf(world.service)?.id ?? '';
    const id = deploy(world);
    look(world);
    expect(ofDeployment(world, id)).toHaveLength(4);
    expect(ofDeployment(world, old)).toHaveLength(4);
    ofDeployment(world, id).forEach((task, index) => {
      task.lastStatus = 'RUNNING';
      task.startedAt = world.now + index * 1000;
    });
    world.now += 40_000;
    look(world);
    expect(ofDeployment(world, old)).toHaveLength(3);
    expect(world.lookAgainAt).toBe(world.now + 1000);
    settleDown(world);
    expect(world.service.deployments.map((each) => each.id)).toEqual([id]);
    expect(world.service.serviceDeployment?.status).toBe('SUCCESSFUL');
  });

  it('gives stopped tasks the reason that ECS gives', () => {
    const world = steadyWorld();
    const id = deploy(world);
    const reasons = new Set<string>();
    settleDown(world, () => {
      for (const { stopping, stopReason } of live(world)) if (stopping) reasons.add(stopReason ?? '');
    });
    expect([...reasons]).toEqual([`Scaling activity initiated by (deployment ${id})`]);
  });

  it('stops down to the minimum first where the maximum leaves no room', () => {
    const world = steadyWorld({ deploymentConfiguration: { maximumPercent: 100, minimumHealthyPercent: 50 } });
    const id = deploy(world);
    look(world);
    expect(kept(world)).toHaveLength(2);
    expect(ofDeployment(world, id)).toHaveLength(0);
    settleDown(world, (each) => expect(live(each).length).toBeLessThanOrEqual(4));
    expect(ofDeployment(world, id)).toHaveLength(4);
  });

  it('says when its configuration lets it neither start nor stop', () => {
    const world = steadyWorld({
      desiredCount: 3,
      deploymentConfiguration: { maximumPercent: 125, minimumHealthyPercent: 100 },
    });
    deploy(world);
    look(world);
    look(world);
    expect(world.events).toEqual([
      '(service web) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.',
    ]);
  });

  it('is overtaken by a newer one, whose predecessors all go', () => {
    const world = steadyWorld();
    const first = deploy(world);
    look(world);
    const second = deploy(world);
    settleDown(world);
    expect(world.service.deployments.map(({ id }) => id)).toEqual([second]);
    expect(ofDeployment(world, first)).toHaveLength(0);
  });

  it('goes on with more and with fewer tasks', () => {
    for (const desiredCount of [7, 1, 0]) {
      const world = steadyWorld();
      const id = deploy(world);
      look(world);
      world.service = { ...world.service, desiredCount };
      settleDown(world);
      expect(ofDeployment(world, id)).toHaveLength(desiredCount);
      expect(live(world)).toHaveLength(desiredCount);
    }
  });

  it('keeps protected tasks, says so, and ends when the protection does', () => {
    const world = steadyWorld({ desiredCount: 1 });
    const [old] = kept(world);
    if (!old) throw new Error('no task');
    old.protectedUntil = world.now + 600_000;
    const id = deploy(world);
    for (let round = 0; round < 10; round += 1) {
      look(world);
      for (const task of live(world)) if (task.lastStatus !== 'RUNNING') runs(world, task);
      world.now += 20_000;
    }
    expect(world.events.at(-1)).toBe(
      `(service web) was unable to reach steady state because task set (${id}) was unable to scale in. Reason: The number of protected tasks are more than the desired count of tasks.`,
    );
    expect(old.stopping).toBe(false);
    world.now = old.protectedUntil;
    settleDown(world);
    expect(world.service.deployments.map((each) => each.id)).toEqual([id]);
  });
});

describe('a steady service', () => {
  const steady = (desiredCount = 3) => {
    const world = newWorld({ desiredCount });
    settleDown(world);
    world.events.length = 0;
    return world;
  };

  it('replaces a task that ended', () => {
    const world = steady();
    const [task] = kept(world);
    if (task) ends(world, task);
    look(world);
    expect(kept(world)).toHaveLength(3);
    settleDown(world);
    expect(words(world)).toEqual([
      '(service web) has started 1 tasks: (task).',
      '(service web) has reached a steady state.',
    ]);
  });

  it('replaces a task that ran for long as soon as it is on its way out', () => {
    const world = newWorld({ desiredCount: 1 });
    settleDown(world);
    world.now += 3_600_000;
    for (const task of kept(world)) {
      stopTask(task, 'EssentialContainerExited', 'Essential container in task exited');
      Object.assign(task, { lastStatus: 'DEPROVISIONING', endedAt: world.now });
    }
    look(world);
    expect(kept(world)).toHaveLength(1);
  });

  it('changes nothing when it is looked at again', () => {
    const world = steady();
    const planned = plan(world);
    expect(planned.service).toBe(world.service);
    expect(planned).toMatchObject({ events: [], starts: [], settled: [], steady: true });
  });

  it('stops tasks of the fullest zone first when it is scaled in, and new ones before old ones', () => {
    const world = steady(6);
    world.service = { ...world.service, desiredCount: 3 };
    look(world);
    expect(new Set(kept(world).map(({ subnetId }) => subnetId)).size).toBe(3);
  });

  it('replaces an unhealthy task before it is stopped', () => {
    const world = steady(1);
    const [task] = kept(world);
    if (!task) throw new Error('no task');
    task.checked = true;
    task.health = 'UNHEALTHY';
    look(world);
    expect(world.events.at(-1)).toMatch(/\)\. Amazon ECS replaced 1 tasks due to an unhealthy status\.$/);
    const replacement = kept(world).find(({ id }) => id !== task.id);
    if (replacement) runs(world, replacement, 'HEALTHY');
    look(world);
    expect(task).toMatchObject({ stopping: true, stopReason: 'Task failed container health checks' });
    expect(world.events).toContain(`(service web) (task ${task.id}) failed container health checks.`);
  });

  it('ignores failed checks in the grace period', () => {
    const world = newWorld({ desiredCount: 1, healthCheckGracePeriodSeconds: 60 });
    look(world);
    for (const task of live(world)) runs(world, task, 'UNHEALTHY');
    look(world);
    expect(kept(world)).toHaveLength(1);
    expect(world.lookAgainAt).toBe(world.now + 60_000);
    world.now += 60_000;
    look(world);
    expect(kept(world)).toHaveLength(2);
  });

  it('evens its zones out, one task at a time', () => {
    const world = newWorld({ desiredCount: 3, availabilityZoneRebalancing: 'ENABLED' });
    settleDown(world);
    for (const task of live(world)) task.zone = 'us-east-1a';
    world.events.length = 0;
    settleDown(world, (each) => expect(kept(each).length).toBeLessThanOrEqual(4));
    expect(kept(world)).toHaveLength(3);
    expect(world.events[0]).toMatch(/^\(service web\) is not AZ balanced with .* AZ Rebalancing in progress\.$/);
  });
});

describe('failures', () => {
  const failing = (world: World) => {
    look(world);
    for (const task of live(world))
      if (task.lastStatus !== 'RUNNING' && !task.stopping) {
        stopTask(task, 'TaskFailedToStart', 'CannotPullContainerError: no such image');
        task.lastStatus = 'DEPROVISIONING';
      }
    // Nothing takes its place before it is STOPPED, and counted.
    const before = world.tasks.size;
    look(world);
    expect(world.tasks.size).toBe(before);
    for (const task of world.tasks.values()) if (task.lastStatus === 'DEPROVISIONING') ends(world, task);
  };

  it('slow the next attempts down and say why', () => {
    const world = newWorld({ desiredCount: 2 });
    const waits: number[] = [];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      failing(world);
      look(world);
      expect(kept(world)).toHaveLength(0);
      waits.push((world.lookAgainAt ?? 0) - world.now);
      world.now = world.lookAgainAt ?? world.now;
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(words(world).filter((word) => !word.includes('has started'))).toEqual([
      '(service web) was unable to place a task. Reason: CannotPullContainerError: no such image. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.',
      '(service web) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.',
    ]);
    expect(primaryOf(world.service)?.failedTasks).toBe(10);
  });

  it('are forgotten with a new deployment', () => {
    const world = newWorld({ desiredCount: 1 });
    for (let attempt = 0; attempt < 5; attempt += 1) {
      failing(world);
      world.now = world.lookAgainAt ?? world.now;
    }
    const id = deploy(world);
    look(world);
    expect(ofDeployment(world, id)).toHaveLength(1);
  });

  const breaker = {
    maximumPercent: 200,
    minimumHealthyPercent: 100,
    deploymentCircuitBreaker: { enable: true, rollback: true },
  };

  it('break the circuit at the threshold and roll back to what last completed', () => {
    const world = newWorld({ desiredCount: 1, deploymentConfiguration: breaker });
    settleDown(world);
    const good = primaryOf(world.service)?.id ?? '';
    const bad = deploy(world);
    world.events.length = 0;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      failing(world);
      look(world);
      world.now = Math.max(world.now, world.lookAgainAt ?? 0);
    }
    look(world);
    expect(words(world)).toEqual(
      expect.arrayContaining([
        `(service web) (deployment ${bad}) deployment failed: tasks failed to start.`,
        `(service web) rolling back to deployment ${good}.`,
      ]),
    );
    settleDown(world);
    expect(world.service.deployments).toHaveLength(1);
    expect(primaryOf(world.service)).toMatchObject({ id: good, rolloutState: 'COMPLETED' });
    expect(world.service.serviceDeployment).toMatchObject({
      status: 'ROLLBACK_SUCCESSFUL',
      statusReason: 'Service deployment rolled back because the circuit breaker threshold was exceeded.',
      breaker: { status: 'TRIGGERED', failureCount: 3, threshold: 3 },
    });
  });

  it('leave a deployment FAILED where nothing can be rolled back to, which starts nothing any more', () => {
    const world = newWorld({ desiredCount: 1, deploymentConfiguration: breaker });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      failing(world);
      look(world);
      world.now = Math.max(world.now, world.lookAgainAt ?? 0);
    }
    look(world);
    expect(primaryOf(world.service)).toMatchObject({
      rolloutState: 'FAILED',
      rolloutStateReason: 'ECS deployment circuit breaker: tasks failed to start.',
    });
    world.now += 3_600_000;
    look(world);
    expect(kept(world)).toHaveLength(0);
  });

  it('of a task that ends soon after it ran count too, but are not slowed down for long', () => {
    const world = newWorld({ desiredCount: 1 });
    for (let attempt = 0; attempt < 20; attempt += 1) {
      look(world);
      for (const task of kept(world)) {
        runs(world, task);
        world.now += 5000;
        ends(world, task);
      }
      look(world);
      const wait = (world.lookAgainAt ?? world.now) - world.now;
      expect(wait).toBeLessThanOrEqual(10_000);
      world.now += wait;
    }
    expect(primaryOf(world.service)?.failedTasks).toBe(20);
  });
});

describe('a deleted service', () => {
  it('stops everything, protected or not, and is INACTIVE when all is on its way out', () => {
    const world = newWorld({ desiredCount: 3 });
    settleDown(world);
    for (const task of live(world)) task.protectedUntil = world.now + 1e9;
    world.service = { ...world.service, status: 'DRAINING', desiredCount: 0 };
    look(world);
    expect(kept(world)).toHaveLength(0);
    expect(world.service.status).toBe('DRAINING');
    for (const task of live(world)) task.lastStatus = 'STOPPING';
    look(world);
    expect(world.service.status).toBe('INACTIVE');
  });

  it('leaves no task to a service of its name', () => {
    const world = newWorld({ desiredCount: 2 });
    settleDown(world);
    const strangers = kept(world).map(({ id }) => id);
    const anew = newWorld({ desiredCount: 1 });
    for (const [id, task] of world.tasks) anew.tasks.set(id, task);
    settleDown(anew);
    expect(kept(anew)).toHaveLength(1);
    expect(strangers).not.toContain(kept(anew)[0]?.id);
  });
});
