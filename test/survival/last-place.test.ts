/** Placement through two API processes never promises what a worker does not have. */
import { type RunTaskCommandOutput, StopTaskCommand } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { createInstance, freePort, type Instance } from '../support/processes.ts';
import { createDefaultCluster, list, register, run, runCommand, stop, until } from '../support/tasks.ts';

let instance: Instance;
let ports: readonly number[] = [];
beforeAll(async () => {
  // Room for exactly four of the smallest tasks.
  instance = await createInstance({ runtime: 'fake', settings: { LONGSHORE_WORKER_MEMORY: '2048' } });
  ports = [Number(new URL(instance.endpoint).port), await freePort()];
  await Promise.all([
    ...ports.map(async (port) => await instance.startApi({ LONGSHORE_PORT: String(port) })),
    instance.startWorker(),
  ]);
  const ecs = instance.client();
  await createDefaultCluster(ecs);
  await register(ecs, 'runs', [{}]);
});
afterAll(async () => await instance?.close());

const clients = () => ports.map((port) => instance.client({ endpointPort: port }));

test('a hundred RunTasks at once for the last place: one gets it, the others are told that there is none', async () => {
  const [one, two] = clients();
  if (!one || !two) throw new Error('Two clients are needed.');
  const three = await run(one, 'runs', { count: 3 });
  const calls = Array.from({ length: 100 }, async (_, index) => {
    return await (index % 2 === 0 ? one : two).send(runCommand('runs'));
  });
  const answers: readonly RunTaskCommandOutput[] = await Promise.all(calls);
  const placed = answers.flatMap(({ tasks = [] }) => tasks.map(({ taskArn }) => taskArn ?? ''));
  const failures = answers.flatMap(({ failures: each = [] }) => each);
  expect(placed).toHaveLength(1);
  expect(failures).toHaveLength(99);
  for (const { reason } of failures) expect(reason).toMatch(/^Capacity is unavailable/);

  const worker = await instance.store.workers.get(instance.workerName);
  expect(worker).toMatchObject({ memory: 2048, memoryUsed: 2048, slotsUsed: 4 });
  const all = [...three, ...placed];
  await until(one, all, 'RUNNING');

  await stop(two, all[0] ?? '');
  await until(one, [all[0] ?? ''], 'STOPPED');
  const [next = ''] = await eventually('the freed place', async () => await run(two, 'runs').catch(() => undefined));
  await until(two, [next], 'RUNNING');
  const left = [...all.slice(1), next];
  await Promise.all(left.map(async (arn) => await stop(one, arn)));
  await until(one, left, 'STOPPED');
  await nothingLeft(instance);
});

test('launches and stops through two APIs at once never use more than there is', async () => {
  let most = 0;
  let watching = true;
  const watch = (async () => {
    while (watching) {
      const { memoryUsed = 0 } = (await instance.store.workers.get(instance.workerName)) ?? {};
      most = Math.max(most, memoryUsed);
    }
  })();
  await Promise.all(
    [...clients(), ...clients()].map(async (ecs) => {
      for (let round = 0; round < 15; round += 1) {
        const { tasks = [] } = await ecs.send(runCommand('runs', { count: 3 }));
        await Promise.all(tasks.map(async ({ taskArn }) => await ecs.send(new StopTaskCommand({ task: taskArn }))));
      }
    }),
  );
  watching = false;
  await watch;
  expect(most).toBeLessThanOrEqual(2048);
  const [ecs] = clients();
  if (!ecs) throw new Error('A client is needed.');
  await until(ecs, await list(ecs, 'STOPPED'), 'STOPPED');
  expect(await list(ecs, 'RUNNING')).toEqual([]);
  await nothingLeft(instance);
});
