/**
 * Scheduler, worker and Redis are killed at random moments while several services are deployed and scaled: at every
 * moment no more tasks than allowed and no fewer than promised, one PRIMARY deployment, counts that are those of the
 * tasks, and in the end what was wanted.
 * Set LONGSHORE_TEST_ROUNDS for more rounds, LONGSHORE_TEST_SEED for other moments.
 */
import { DeleteServiceCommand, type ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lifecycle } from '../../core/lifecycle.ts';
import { primaryOf, serviceKey } from '../../core/service/service.ts';
import { isLive } from '../../core/service-plan/service-task.ts';
import type { ServiceLook } from '../../core/store/store.ts';
import { type Chance, chanceOf, eventually, moment, seed } from '../support/eventually.ts';
import { createInstance, type Instance, type RoleProcess, simulatedStarts } from '../support/processes.ts';
import { createDefaultCluster, idOf, register } from '../support/tasks.ts';
import { create, describeService, update } from './support.ts';

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
        await observe(name, promise).then(
          (found) => broken.push(...found),
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

/**
 * What is wrong with a service now. Reads are not of one moment: what is told through the API is compared with the
 * tasks only when these were the same before and after. A task's state never comes back, so they were the same between.
 */
async function observe(name: string, promise: Promised): Promise<readonly string[]> {
  const before = await lookAt(name);
  const told = await askApi(name).catch(() => undefined);
  const after = await lookAt(name);
  const isStill = pictureOf(before) === pictureOf(after);
  return [
    ...violations(after, promise),
    ...(isStill ? miscounted(after) : []),
    ...(isStill && told ? mistold(after, told) : []),
  ];
}

const pictureOf = ({ revision, counts, tasks }: ServiceLook): string =>
  JSON.stringify([revision, counts, [...tasks].sort((a, b) => a.id.localeCompare(b.id))]);

async function askApi(name: string) {
  const [service, listed] = await Promise.all([
    describeService(ecs, name),
    ecs.send(new ListTasksCommand({ serviceName: name })),
  ]);
  return { service, listed: (listed.taskArns ?? []).map(idOf).sort() };
}

const countOf = (tasks: ServiceLook['tasks'], counter: 'running' | 'pending') =>
  tasks.filter(({ lastStatus }) => lifecycle[lastStatus].counted === counter).length;

/** Counts that are not those of the tasks, and tasks of deployments that the service does not have. */
function miscounted({ service, tasks, counts }: ServiceLook): string[] {
  const owners = new Set([...service.deployments.map(({ id }) => id), ...Object.keys(counts)]);
  const strangers = tasks.filter(
    (task) => isLive(task) && !service.deployments.some(({ id }) => id === task.deploymentId),
  );
  const wrong = [...owners].flatMap((id) => {
    const own = tasks.filter(({ deploymentId }) => deploymentId === id);
    const there = { running: countOf(own, 'running'), pending: countOf(own, 'pending') };
    const { running = 0, pending = 0 } = counts[id] ?? {};
    return running === there.running && pending === there.pending
      ? []
      : [`${service.name} counts ${JSON.stringify(counts[id])} of ${id}, there are ${JSON.stringify(there)}`];
  });
  return [...wrong, ...strangers.map(({ id }) => `${service.name} has ${id} of a deployment that is not there`)];
}

function mistold({ service: { name }, tasks }: ServiceLook, told: Awaited<ReturnType<typeof askApi>>): string[] {
  const { runningCount, pendingCount, deployments = [] } = told.service;
  const counts = { runningCount: countOf(tasks, 'running'), pendingCount: countOf(tasks, 'pending') };
  const wanted = tasks.filter(({ stopping }) => !stopping).map(({ id }) => id);
  const sum = deployments.reduce((total, deployment) => total + (deployment.runningCount ?? 0), 0);
  return [
    ...(runningCount === counts.runningCount && pendingCount === counts.pendingCount && sum === runningCount
      ? []
      : [`${name} tells of ${runningCount} + ${pendingCount}, ${sum} in deployments: ${JSON.stringify(counts)}`]),
    ...(wanted.sort().join() === told.listed.join() ? [] : [`${name} lists ${told.listed}, wanted are ${wanted}`]),
  ];
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
