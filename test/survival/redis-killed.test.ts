/** Redis is killed and restarted on its data while everything else goes on. */
import { ListClustersCommand, RunTaskCommand } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chanceOf, eventually, moment, seed } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { createInstance, type Instance, type RoleProcess, simulatedStarts } from '../support/processes.ts';
import { createDefaultCluster, idOf, list, register, run, runCommand, stop, until } from '../support/tasks.ts';

let instance: Instance;
let api: RoleProcess;
let worker: RoleProcess;
beforeAll(async () => {
  instance = await createInstance({ runtime: 'fake', settings: { LONGSHORE_WORKER_MEMORY: '400000' } });
  [api, worker] = await Promise.all([instance.startApi(), instance.startWorker()]);
  const ecs = instance.client();
  await createDefaultCluster(ecs);
  await register(ecs, 'runs', [{ environment: { FAKE_PULL_MS: 30, FAKE_START_MS: 30 } }]);
});
afterAll(async () => await instance?.close());

test(`fifty launches with Redis killed twice among them (seed ${seed})`, async () => {
  const chance = chanceOf(seed);
  const ecs = instance.client({ maxAttempts: 1 });
  const calls = Array.from({ length: 50 }, async (_, index) => {
    await moment(index * 20);
    // The same token until it is answered: what was recorded without an answer is not recorded again.
    return await eventually('RunTask to be answered', async () => {
      const command = new RunTaskCommand({ ...runCommand('runs').input, clientToken: `fifty-${index}` });
      const { tasks = [], failures } = await ecs.send(command);
      expect(failures).toEqual([]);
      return tasks[0]?.taskArn;
    });
  });
  for (let kill = 0; kill < 2; kill += 1) {
    await moment(150 + chance.number(250));
    await instance.redisProcess().kill();
    await moment(chance.number(300));
    await instance.startRedis();
  }
  const arns = await Promise.all(calls);

  expect(new Set(arns).size).toBe(50);
  await until(ecs, arns, 'RUNNING');
  expect([...(await list(ecs, 'RUNNING'))].sort()).toEqual([...arns].sort());
  const starts = simulatedStarts(instance);
  expect(starts).toHaveLength(50);
  expect(new Set(starts).size).toBe(50);
  expect(await instance.leftInRuntime()).toHaveLength(50);

  await Promise.all(arns.map(async (arn) => await stop(ecs, arn)));
  await until(ecs, arns, 'STOPPED');
  await nothingLeft(instance);
});

test('what was acknowledged is there after a kill, and a stop that was asked for meanwhile happens', async () => {
  const ecs = instance.client({ maxAttempts: 1 });
  const [arn = '', other = ''] = await run(ecs, 'runs', { count: 2 });
  await until(ecs, [arn, other], 'RUNNING');
  const asked = stop(ecs, arn);
  await asked;
  await instance.redisProcess().kill();
  await instance.startRedis();
  const [task] = await until(ecs, [arn], 'STOPPED');
  expect(task?.stopCode).toBe('UserInitiated');
  await until(ecs, [other], 'RUNNING');
  await stop(ecs, other);
  await until(ecs, [other], 'STOPPED');
  await nothingLeft(instance);
});

test('calls are answered with an error while Redis is away, and work when it is back', async () => {
  const ecs = instance.client({ maxAttempts: 1 });
  await instance.redisProcess().kill();
  const refused = await Promise.allSettled([
    ecs.send(new ListClustersCommand({})),
    ecs.send(runCommand('runs')),
    ecs.send(new ListClustersCommand({})),
  ]);
  for (const answer of refused) {
    expect(answer.status).toBe('rejected');
    expect((answer as PromiseRejectedResult).reason.name).toBe('ServerException');
  }
  await instance.startRedis();
  await eventually('the API to answer again', async () => await ecs.send(new ListClustersCommand({})));
  const [arn = ''] = await eventually('a place', async () => await run(ecs, 'runs'));
  await until(ecs, [arn], 'RUNNING');
  const running = await list(ecs, 'RUNNING');
  // A RunTask that was refused may have been recorded all the same, never more than once.
  expect(running.length).toBeLessThanOrEqual(2);
  await Promise.all(running.map(async (each) => await stop(ecs, each)));
  await until(ecs, running, 'STOPPED');
  await nothingLeft(instance);
});

test('API and worker can be ended while Redis is away, and come back with it', async () => {
  const ecs = instance.client();
  const [arn = ''] = await run(ecs, 'runs');
  await until(ecs, [arn], 'RUNNING');
  await instance.redisProcess().kill();
  const ends = await Promise.all([api.stop(), worker.stop()]);
  expect(ends).toEqual([0, 0]);
  await instance.startRedis();
  [api, worker] = await Promise.all([instance.startApi(), instance.startWorker()]);
  await until(ecs, [arn], 'RUNNING');
  await stop(ecs, arn);
  await until(ecs, [arn], 'STOPPED');
  await nothingLeft(instance);
});

test(`everything is killed at once, three times in the middle of launches (seed ${seed})`, {
  timeout: 60_000,
}, async () => {
  const chance = chanceOf(seed);
  const ecs = instance.client();
  const acknowledged: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const calls = Promise.allSettled(
      Array.from({ length: 4 }, async () => acknowledged.push(...(await run(ecs, 'runs', { count: 2 })))),
    );
    await moment(10 + chance.number(150));
    await Promise.all([api.kill(), worker.kill(), instance.redisProcess().kill()]);
    await calls;
    await instance.startRedis();
    [api, worker] = await Promise.all([instance.startApi(), instance.startWorker()]);
  }
  const recorded = await list(ecs, 'RUNNING');
  expect(recorded).toEqual(expect.arrayContaining(acknowledged));
  expect(recorded.length % 2).toBe(0);
  await until(ecs, recorded, 'RUNNING');
  const starts = simulatedStarts(instance);
  expect(starts.length).toBe(new Set(starts).size);
  expect([...(await instance.leftInRuntime())].sort()).toEqual(recorded.map(idOf).sort());
  await Promise.all(recorded.map(async (arn) => await stop(ecs, arn)));
  await until(ecs, recorded, 'STOPPED');
  await nothingLeft(instance);
});
