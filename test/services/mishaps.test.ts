/** What goes wrong with services for hours on end, in virtual time: each mishap with many numbers and moments. */
import { describe, expect, it } from 'vitest';
import { primaryOf, type Service } from '../../core/service/service.ts';
import { type Chance, chanceOf, seed } from '../support/eventually.ts';
import { converges, must } from './promises.ts';
import { type Behaviour, type Cluster, createCluster } from './virtual-cluster.ts';
import { deploy, kept, live, newWorld, revision } from './world.ts';

const minute = 60_000;
const hour = 60 * minute;
const rounds = 10;

/** Plays a mishap with a cluster of its own for each seed; says which one broke a promise. */
function each(name: string, mishap: (cluster: Cluster, chance: Chance) => void, behaviour: Behaviour = 'works'): void {
  it(name, () => {
    for (let round = seed; round < seed + rounds; round += 1) {
      const chance = chanceOf(round);
      const world = newWorld(settings(chance), revision(behaviour));
      try {
        mishap(createCluster(world, chance), chance);
      } catch (error) {
        throw new Error(`seed ${round}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
}

function settings(chance: Chance): Partial<Service> {
  const maximumPercent = [125, 150, 200][chance.whole(3)] ?? 200;
  const minimumHealthyPercent = [0, 50, 100][chance.whole(3)] ?? 100;
  return { desiredCount: 1 + chance.whole(8), deploymentConfiguration: { maximumPercent, minimumHealthyPercent } };
}

function breaker({ world }: Cluster, rollback: boolean): void {
  const deploymentCircuitBreaker = { enable: true, rollback };
  const { deploymentConfiguration, ...rest } = world.service;
  world.service = { ...rest, deploymentConfiguration: { ...deploymentConfiguration, deploymentCircuitBreaker } };
}

function update({ world }: Cluster, behaviour: Behaviour = 'works'): string {
  return deploy(world, revision(behaviour));
}

function scale({ world }: Cluster, desiredCount: number): void {
  world.service = { ...world.service, desiredCount, rebalancing: false };
}

/** Enough room for each deployment to go on: not three tasks at 125 percent, which wait for a change. */
function roomy({ world }: Cluster): void {
  world.service = {
    ...world.service,
    deploymentConfiguration: { ...world.service.deploymentConfiguration, maximumPercent: 200 },
  };
}

const startsOf = ({ starts }: Cluster, behaviour: Behaviour) => starts.filter((start) => start.behaviour === behaviour);
const runsOnly = ({ world }: Cluster, deploymentId: string) =>
  must(
    live(world).every((task) => task.deploymentId === deploymentId),
    'tasks of another deployment are left',
  );

describe('tasks that die after five seconds for ever', () => {
  each(
    'are started again and again, never in haste, until an update mends them',
    (cluster) => {
      cluster.pass(10 * minute);
      const { desiredCount } = cluster.world.service;
      must(!cluster.world.steady, 'steady');
      const count = startsOf(cluster, 'dies').length;
      // Between two attempts are five seconds of life and a pause of ten.
      must(count > 20, `only ${count} starts`);
      must(count < desiredCount * ((10 * minute) / 10_000), `${count} starts of ${desiredCount} tasks in ten minutes`);
      update(cluster);
      converges(cluster.world);
    },
    'dies',
  );

  each('fail a deployment that the circuit breaker takes back, while the old tasks go on', (cluster) => {
    roomy(cluster);
    breaker(cluster, true);
    cluster.pass(5 * minute);
    const before = primaryOf(cluster.world.service)?.id;
    update(cluster, 'dies');
    cluster.pass(2 * hour);
    must(primaryOf(cluster.world.service)?.id === before, 'was not rolled back');
    must(cluster.world.service.serviceDeployment?.status === 'ROLLBACK_SUCCESSFUL', 'the rollback is not over');
    must(kept(cluster.world).length === cluster.world.service.desiredCount, 'not all old tasks are there');
    converges(cluster.world);
  });
});

describe('images that never start', () => {
  each(
    'are tried ever more rarely, and the service says why',
    (cluster) => {
      cluster.pass(6 * hour);
      const { events, service } = cluster.world;
      const attempts = startsOf(cluster, 'never starts').length / service.desiredCount;
      // Eleven within the first half hour, then one each 27 minutes.
      must(attempts > 10 && attempts < 35, `${attempts} attempts in six hours`);
      must(
        events.some((event) => event.includes('is unable to consistently start tasks successfully')),
        'does not say so',
      );
      update(cluster);
      converges(cluster.world);
    },
    'never starts',
  );

  each(
    'leave a deployment FAILED that may not be rolled back; scaled in, it keeps what is wanted of the old tasks',
    (cluster, chance) => {
      roomy(cluster);
      breaker(cluster, false);
      cluster.pass(5 * minute);
      const { desiredCount } = cluster.world.service;
      update(cluster, 'never starts');
      cluster.pass(4 * hour);
      const failed = primaryOf(cluster.world.service);
      must(failed?.rolloutState === 'FAILED', `is ${failed?.rolloutState}`);
      const attempts = startsOf(cluster, 'never starts').length;
      scale(cluster, chance.whole(desiredCount + 1));
      cluster.pass(4 * hour);
      must(startsOf(cluster, 'never starts').length === attempts, 'a failed deployment starts tasks');
      const wanted = cluster.world.service.desiredCount;
      must(live(cluster.world).length <= wanted, `${live(cluster.world).length} tasks, ${wanted} wanted`);
      must(
        live(cluster.world).length > 0 ||
          wanted === 0 ||
          cluster.world.service.deploymentConfiguration.minimumHealthyPercent === 0,
        'no task is left',
      );
      converges(cluster.world);
    },
  );

  each(
    'leave nothing to roll back to, and the history says so',
    (cluster) => {
      breaker(cluster, true);
      cluster.pass(4 * hour);
      const { serviceDeployment, deployments } = cluster.world.service;
      expect(serviceDeployment).toMatchObject({
        status: 'ROLLBACK_FAILED',
        statusReason: 'No rollback candidate was found to run the rollback.',
        breaker: { status: 'TRIGGERED' },
      });
      expect(deployments).toMatchObject([{ status: 'PRIMARY', rolloutState: 'FAILED' }]);
      converges(cluster.world);
    },
    'never starts',
  );
});

describe('health that flaps', () => {
  each(
    'never takes a healthy task below the minimum, with updates in between',
    (cluster, chance) => {
      for (let step = 0; step < 5; step += 1) {
        cluster.pass(chance.number(2 * minute));
        update(cluster, 'flaps');
      }
      cluster.pass(5 * minute);
      converges(cluster.world);
    },
    'flaps',
  );
});

describe('wishes that change all the time', () => {
  each('an update every 100 ms with a new definition each time ends with the last one', (cluster, chance) => {
    roomy(cluster);
    cluster.pass(chance.number(2 * minute));
    let newest = '';
    for (let step = 0; step < 100; step += 1) {
      newest = update(cluster);
      cluster.pass(100);
    }
    cluster.pass(30 * minute);
    must(cluster.world.steady, 'not steady');
    must(primaryOf(cluster.world.service)?.id === newest, 'not the last one');
    runsOnly(cluster, newest);
    converges(cluster.world);
  });

  each('tasks are scaled up and down and to none during deployments', (cluster, chance) => {
    for (let step = 0; step < 30; step += 1) {
      if (step % 5 === 0) update(cluster, step % 10 === 0 ? 'works' : 'never starts');
      scale(cluster, chance.whole(12));
      cluster.pass(chance.number(20_000));
    }
    update(cluster);
    converges(cluster.world);
  });

  each('no task is wanted: a deployment completes without one, and scaling up uses the newest', (cluster) => {
    scale(cluster, 0);
    cluster.pass(5 * minute);
    const newest = update(cluster);
    const { length } = cluster.starts;
    cluster.pass(minute);
    must(primaryOf(cluster.world.service)?.rolloutState === 'COMPLETED', 'not COMPLETED');
    must(cluster.starts.length === length && live(cluster.world).length === 0, 'has tasks');
    scale(cluster, 3);
    cluster.pass(5 * minute);
    must(cluster.world.steady && live(cluster.world).length === 3, 'does not have three tasks');
    runsOnly(cluster, newest);
  });

  each('a service that is deleted during a deployment starts nothing more and ends', (cluster, chance) => {
    cluster.pass(5 * minute);
    update(cluster, chance.whole(2) === 0 ? 'works' : 'dies');
    cluster.pass(chance.number(2 * minute));
    cluster.world.service = { ...cluster.world.service, status: 'DRAINING', desiredCount: 0 };
    const { length } = cluster.starts;
    cluster.pass(5 * minute);
    must(cluster.starts.length === length, 'tasks were started');
    must(cluster.world.service.status === 'INACTIVE', `is ${cluster.world.service.status}`);
    must(live(cluster.world).length === 0, 'has tasks');
  });
});

describe('a worker that is cut off for a minute', () => {
  each('comes back with its tasks, which were not replaced', (cluster, chance) => {
    roomy(cluster);
    cluster.pass(5 * minute);
    const before = kept(cluster.world).map(({ id }) => id);
    cluster.cutOff(minute, 5 * minute);
    cluster.pass(chance.number(2 * minute));
    cluster.pass(minute);
    expect(kept(cluster.world).map(({ id }) => id)).toEqual(before);
    // And in the middle of a deployment.
    update(cluster);
    cluster.pass(chance.number(20_000));
    cluster.cutOff(minute, 5 * minute);
    cluster.pass(10 * minute);
    must(cluster.world.steady, 'not steady');
    converges(cluster.world);
  });

  each('is given up sooner: its tasks are replaced, once', (cluster, chance) => {
    roomy(cluster);
    cluster.pass(5 * minute);
    cluster.cutOff(minute, 20_000);
    const { length } = cluster.starts;
    const { desiredCount } = cluster.world.service;
    cluster.pass(10 * minute);
    must(cluster.world.steady && live(cluster.world).length === desiredCount, 'not as wanted');
    must(cluster.starts.length - length <= desiredCount, 'more tasks were started than there were');
    update(cluster);
    cluster.pass(chance.number(20_000));
    cluster.cutOff(minute, 20_000);
    cluster.pass(10 * minute);
    must(cluster.world.steady, 'not steady');
    converges(cluster.world);
  });
});
