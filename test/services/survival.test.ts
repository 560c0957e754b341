/**
 * Scheduler, worker and Redis are killed at random moments while several services are deployed and scaled: at every
 * moment no more tasks than allowed and no fewer than promised, one PRIMARY deployment, and in the end what was wanted.
 * Set LONGSHORE_TEST_ROUNDS for more rounds, LONGSHORE_TEST_SEED for other moments.
 */
import { DeleteServiceCommand, type ECSClient } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { primaryOf, serviceKey } from '../../core/service/service.ts';
import { isLive } from '../../core/service-plan/service-task.ts';
import type { ServiceLook } from '../../core/store/store.ts';
import { type Chance, chanceOf, eventually, moment, seed } from '../support/eventually.ts';
import { createInstance, type Instance, type RoleProcess, simulatedStarts } from '../support/processes.ts';
import { createDefaultCluster, register } from '../support/tasks.ts';
import { create, update } from './support.ts';

const rounds = Number(process.env.LONGSHORE_TEST_ROUNDS ?? 4);
const names = ['alpha', 'beta', 'gamma'] as const;
const scope = { accountId: '000000000000', region: 'us-east-1' };

let instance: Instance;
let api: RoleProcess;
let worker: RoleProcess;
let ecs: ECSClient;

beforeAll(async () => {
  instance = await createInstance({
    runtime: 'fake',
    settings: { LONGSHORE_WORKER_MEMORY: '400000', LONGSHORE_SERVICE_HEALTHY_AFTER: '1' },
  });
  [api, worker] = await Promise.all([instance.startApi(), instance.startWorker()]);
  ecs = instance.client({ maxAttempts: 1 });
  await createDefaultCluster(ecs);
  await register(ecs, 'runs', [{ environment: { FAKE_PULL_MS: 50, FAKE_START_MS: 50 } }]);
});
afterAll(async () => await instance?.close());

/** What a service may have at most and must have at least, from what was asked of it lately. */
interface Promised {
  most: number;
  least: number;
  desired: number;
}

test(`${rounds} kills during deployments (seed ${seed})`, { timeout: 60_000 + rounds * 60_000 }, async () => {
  const chance = chanceOf(seed);
  const promises = new Map<string, Promised>(names.map((name) => [name, { most: 4, least: 0, desired: 2 }]));
  for (const name of names) await create(ecs, name, 'runs', { desiredCount: 2 });
  for (const name of names) await converged(name, 2);
  for (const promise of promises.values()) promise.least = promise.desired;

  const broken: string[] = [];
  const watching = new AbortController();
  const watch = (async () => {
    while (!watching.signal.aborted) {
      // While Redis is away there is nothing to see.
      for (const [name, promise] of promises)
        await lookAt(name).then(
          (look) => broken.push(...violations(look, promise)),
          () => {},
        );
      await moment(50);
    }
  })();

  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(names.map((name) => change(name, promises, chance)));
    await moment(chance.number(2500));
    await kill(chance);
    for (const [name, promise] of promises) {
      await converged(name, promise.desired);
      promise.most = 2 * promise.desired;
      promise.least = promise.desired;
    }
    expect(broken, `round ${round}`).toEqual([]);
  }
  watching.abort();
  await watch;
  const starts = simulatedStarts(instance);
  expect(new Set(starts).size, 'no container started twice').toBe(starts.length);

  for (const service of names) await ecs.send(new DeleteServiceCommand({ service, force: true }));
  await kill(chance);
  for (const name of names)
    await eventually(
      `${name} to be INACTIVE and empty`,
      async () => {
        const { service, tasks } = await lookAt(name);
        return service.status === 'INACTIVE' && tasks.length === 0 ? true : undefined;
      },
      60_000,
    );
  expect(await instance.leftInRuntime()).toEqual([]);
});

async function lookAt(name: string): Promise<ServiceLook> {
  const look = await instance.store.services.look(serviceKey({ ...scope, clusterName: 'default', name }));
  if (!look) throw new Error(`${name} is not there.`);
  return look;
}

function violations({ service, tasks }: ServiceLook, { most, least }: Promised): string[] {
  const live = tasks.filter(isLive).length;
  const up = tasks.filter(({ lastStatus, stopping }) => lastStatus === 'RUNNING' && !stopping).length;
  const primaries = service.deployments.filter(({ status }) => status === 'PRIMARY').length;
  return [
    ...(live > most ? [`${service.name} has ${live} live tasks, more than ${most}`] : []),
    ...(up < least ? [`${service.name} has ${up} running tasks, fewer than ${least}`] : []),
    ...(primaries === 1 ? [] : [`${service.name} has ${primaries} PRIMARY deployments`]),
  ];
}

/** A request that may come more than once, as a client repeats what was not answered. */
async function change(name: string, promises: Map<string, Promised>, chance: Chance): Promise<void> {
  const promise = promises.get(name);
  if (!promise) return;
  const desired = 1 + chance.whole(4);
  const kind = chance.whole(3);
  if (kind > 0) {
    promise.most = 2 * Math.max(promise.desired, desired);
    promise.least = Math.min(promise.desired, desired);
    promise.desired = desired;
  }
  await eventually(`${name} to be updated`, async () => {
    await update(ecs, name, {
      ...(kind > 0 && { desiredCount: desired }),
      ...(kind < 2 && { forceNewDeployment: true }),
    });
    return true;
  });
}

async function kill(chance: Chance): Promise<void> {
  switch (chance.whole(3)) {
    case 0:
      await api.kill();
      await moment(chance.number(500));
      api = await instance.startApi();
      break;
    case 1:
      await worker.kill();
      await moment(chance.number(500));
      worker = await instance.startWorker();
      break;
    default:
      await instance.redisProcess().kill();
      await moment(chance.number(500));
      await instance.startRedis();
  }
}

/** Everything is as wanted, and counted as it is. */
async function converged(name: string, desired: number): Promise<void> {
  let last = '';
  await eventually(
    `${name} to have ${desired} tasks`,
    async () => {
      const { service, tasks, counts } = await lookAt(name);
      const primary = primaryOf(service);
      const running = tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length;
      const counted = Object.values(counts).reduce((sum, each) => sum + each.running, 0);
      last = JSON.stringify({
        running,
        counted,
        tasks: tasks.length,
        deployments: service.deployments,
        steady: service.steadySince,
      });
      const right =
        service.deployments.length === 1 &&
        primary?.rolloutState === 'COMPLETED' &&
        service.steadySince !== undefined &&
        service.desiredCount === desired &&
        tasks.length === desired &&
        running === desired &&
        counted === desired;
      return right ? true : undefined;
    },
    60_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${last}`, { cause: error });
  });
}
