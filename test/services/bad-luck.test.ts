/**
 * What befalls the processes under a service: its scheduler is killed in a deployment, a worker is frozen until its
 * tasks are given up, there is no room. In the end the service has the tasks that were asked for, and none besides.
 * The tests wait far more than they compute, so they wait together, each with processes of its own.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteServiceCommand, type ECSClient } from '@aws-sdk/client-ecs';
import { expect, type TestContext, test } from 'vitest';
import { scheduleSweeps } from '../../core/queue.ts';
import { connectRedis } from '../../core/redis.ts';
import { parseTaskKey } from '../../core/task.ts';
import { chanceOf, eventually, moment, seed } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { createInstance, freePort, type Instance, simulatedStarts } from '../support/processes.ts';
import { createDefaultCluster, idOf, register, run, stop, until, untilStopped } from '../support/tasks.ts';
import { create, messages, tasksOf, untilService, untilStable, update } from './support.ts';

type Finished = Pick<TestContext, 'onTestFinished'>;

/** Room for 16 of the smallest tasks, unless `settings` say otherwise. */
async function open({ onTestFinished }: Finished, settings: Readonly<Record<string, string>> = {}): Promise<Instance> {
  const instance = await createInstance({
    runtime: 'fake',
    settings: {
      LONGSHORE_WORKER_CPU: '4096',
      LONGSHORE_WORKER_MEMORY: '8192',
      LONGSHORE_SERVICE_HEALTHY_AFTER: '0',
      ...settings,
    },
  });
  onTestFinished(async () => await instance.close());
  return instance;
}

async function prepare(ecs: ECSClient): Promise<void> {
  await createDefaultCluster(ecs);
  await register(ecs, 'runs', [{ environment: { FAKE_PULL_MS: 50, FAKE_START_MS: 200 } }]);
}

const idsOf = async (ecs: ECSClient, service: string): Promise<readonly string[]> =>
  (await tasksOf(ecs, service)).map(({ taskArn = '' }) => idOf(taskArn)).sort();

/** Deletes the service and waits for the end of all that it had. */
async function remove(instance: Instance, ecs: ECSClient, service: string): Promise<void> {
  await ecs.send(new DeleteServiceCommand({ service, force: true }));
  await untilService(ecs, service, 'to be INACTIVE', ({ status }) => status === 'INACTIVE');
  await nothingLeft(instance);
}

test.concurrent(`an API process is killed in the middle of a deployment, another finishes it (seed ${seed})`, async (context) => {
  const chance = chanceOf(seed);
  const instance = await open(context, { LONGSHORE_SERVICE_HEALTHY_AFTER: '1' });
  const port = await freePort();
  const [killed] = await Promise.all([
    instance.startApi(),
    instance.startApi({ LONGSHORE_PORT: String(port) }),
    instance.startWorker(),
  ]);
  const ecs = instance.client({ endpointPort: port });
  await prepare(ecs);
  const deploymentConfiguration = { minimumHealthyPercent: 100, maximumPercent: 150 };
  await create(ecs, 'rolls', 'runs', { desiredCount: 4, deploymentConfiguration });
  await untilStable(ecs, 'rolls');
  const before = await idsOf(ecs, 'rolls');

  const updated = await update(ecs, 'rolls', { forceNewDeployment: true });
  const primary = updated.deployments?.find(({ status }) => status === 'PRIMARY')?.id;
  await untilService(ecs, 'rolls', 'to run a new task', ({ deployments }) =>
    deployments?.some(({ id, runningCount = 0 }) => id === primary && runningCount > 0),
  );
  await moment(chance.number(1000));
  await killed.kill();

  const after = await untilStable(ecs, 'rolls');
  expect(after.deployments?.[0]?.id).toBe(primary);
  const now = await idsOf(ecs, 'rolls');
  expect(now).toHaveLength(4);
  expect(now.filter((id) => before.includes(id))).toEqual([]);
  const starts = [...before, ...now].map((id) => `${id}/app`).sort();
  expect([...simulatedStarts(instance)].sort()).toEqual(starts);
  await eventually('the old tasks to be gone', async () => {
    const left = await instance.leftInRuntime();
    return left.length === 4 ? true : undefined;
  });
  await remove(instance, ecs, 'rolls');
});

test.concurrent('a worker that is frozen until its tasks are given up comes back to none of them', async (context) => {
  // Its removal comes last: what is registered first is done last.
  const elsewhere = await mkdtemp(join(tmpdir(), 'longshore-'));
  context.onTestFinished(async () => await rm(elsewhere, { recursive: true, force: true }));
  const instance = await open(context, { LONGSHORE_WORKER_LOST_AFTER: '1' });
  const other = `${instance.workerName}-other`;
  const [, frozen] = await Promise.all([
    instance.startApi(),
    instance.startWorker(),
    instance.startWorker({ LONGSHORE_WORKER_NAME: other, LONGSHORE_DATA_DIR: elsewhere }),
  ]);
  const ecs = instance.client();
  await prepare(ecs);
  await create(ecs, 'lives', 'runs', { desiredCount: 4 });
  await untilStable(ecs, 'lives');
  const before = await tasksOf(ecs, 'lives');
  const held = (await instance.store.workers.tasks(instance.workerName)).map((key) => parseTaskKey(key).taskId);
  // Placement spreads.
  expect(held).toHaveLength(2);

  frozen.signal('SIGSTOP');
  const lost = before.map(({ taskArn = '' }) => taskArn).filter((arn) => held.includes(idOf(arn)));
  for (const task of await until(ecs, lost, 'STOPPED'))
    expect(task).toMatchObject({ stopCode: 'TerminationNotice', stoppedReason: 'Host terminated.' });
  await untilStable(ecs, 'lives');
  const live = await idsOf(ecs, 'lives');
  expect(live).toHaveLength(4);
  expect(live.filter((id) => held.includes(id))).toEqual([]);
  // Nobody could tell the frozen worker.
  expect([...(await instance.leftInRuntime())].sort()).toEqual([...held].sort());

  frozen.signal('SIGCONT');
  expect(await frozen.ended).not.toBe(0);
  expect(frozen.output()).toMatch(/FencedError/);
  // As its supervisor does.
  await instance.startWorker();
  expect(await instance.leftInRuntime()).toEqual([]);
  expect([...(await instance.leftInRuntime(elsewhere))].sort()).toEqual(live);
  expect(await instance.store.workers.get(instance.workerName)).toMatchObject({
    cpuUsed: 0,
    memoryUsed: 0,
    slotsUsed: 0,
  });
  await untilStable(ecs, 'lives');
  expect(await idsOf(ecs, 'lives')).toEqual(live);
  const starts = [...simulatedStarts(instance), ...simulatedStarts({ dataDir: elsewhere })];
  expect(starts.sort()).toEqual([...held, ...live].map((id) => `${id}/app`).sort());

  await remove(instance, ecs, 'lives');
  await eventually('the other worker to be empty', async () =>
    (await instance.leftInRuntime(elsewhere)).length === 0 ? true : undefined,
  );
});

test.concurrent('a service that finds no room says so, and takes the room that another task leaves', async (context) => {
  const instance = await open(context, { LONGSHORE_WORKER_MEMORY: '1024' });
  await Promise.all([instance.startApi(), instance.startWorker()]);
  const ecs = instance.client();
  await prepare(ecs);
  const [guest = ''] = await run(ecs, 'runs');
  await until(ecs, [guest], 'RUNNING');

  await create(ecs, 'waits', 'runs', { desiredCount: 2 });
  const words =
    '(service waits) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.';
  const waiting = await untilService(
    ecs,
    'waits',
    'to say that there is no room',
    (service) => messages(service).includes(words) && service.runningCount === 1,
  );
  expect(waiting).toMatchObject({ desiredCount: 2, pendingCount: 0 });

  await stop(ecs, guest);
  await untilStopped(ecs, guest);
  const stable = await untilStable(ecs, 'waits');
  expect(messages(stable).filter((message) => message === words)).toHaveLength(1);
  const tasks = await idsOf(ecs, 'waits');
  expect(tasks).toHaveLength(2);
  expect([...simulatedStarts(instance)].sort()).toEqual([idOf(guest), ...tasks].map((id) => `${id}/app`).sort());
  await remove(instance, ecs, 'waits');
});

test.concurrent('a sweep whose process dies is taken over by another, long before the next one is due', async (context) => {
  const instance = await open(context);
  const { url } = instance.redisProcess();
  const join = async (sweep: () => Promise<void>) => {
    const redis = connectRedis(url, { patience: null, name: 'sweeps' });
    const options = { prefix: `${instance.prefix}-sweeps`, everySeconds: 24 * 3600 };
    const { close } = await scheduleSweeps(redis, options, sweep, () => {});
    return { redis, close };
  };
  const swept: string[] = [];
  const dying = await join(
    async () =>
      await new Promise<void>(() => {
        swept.push('begun');
      }),
  );
  await eventually('the first sweep', () => swept[0]);
  // Dead, as far as Redis can tell.
  dying.redis.disconnect();
  const other = await join(async () => {
    swept.push('done');
  });
  await eventually('the sweep to be taken over', () => swept[1]);
  expect(swept).toEqual(['begun', 'done']);
  await other.close();
  other.redis.disconnect();
  await dying.close();
});
