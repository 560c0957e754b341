/** The API is killed around its answers: what it recorded happens, and nothing else does. */
import { createHash } from 'node:crypto';
import { ConfiguredRetryStrategy } from '@smithy/core/retry';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chanceOf, eventually, moment, seed } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { createInstance, type Instance, type RoleProcess } from '../support/processes.ts';
import { createDefaultCluster, idOf, list, register, run, runCommand, stop, until } from '../support/tasks.ts';

let instance: Instance;
let api: RoleProcess;
beforeAll(async () => {
  instance = await createInstance({ runtime: 'fake', settings: { LONGSHORE_WORKER_MEMORY: '400000' } });
  [api] = await Promise.all([instance.startApi(), instance.startWorker()]);
  const ecs = instance.client();
  await createDefaultCluster(ecs);
  await register(ecs, 'runs', [{}]);
});
afterAll(async () => await instance?.close());

test(`the API is killed right before and after it answers RunTask (seed ${seed})`, async () => {
  const chance = chanceOf(seed);
  const ecs = instance.client();
  const answered: string[] = [];
  for (let round = 0; round < 8; round += 1) {
    const calls = Promise.allSettled(
      Array.from({ length: 3 }, async () => answered.push(...(await run(ecs, 'runs', { count: 2 })))),
    );
    await moment(chance.number(25));
    await api.kill();
    await calls;
    api = await instance.startApi();
  }
  const recorded = await list(ecs, 'RUNNING');
  expect(recorded).toEqual(expect.arrayContaining(answered));
  // Both tasks of a call are recorded, or neither.
  expect(recorded.length % 2).toBe(0);
  await until(ecs, recorded, 'RUNNING');

  await Promise.all(recorded.map(async (arn) => await stop(ecs, arn)));
  await until(ecs, recorded, 'STOPPED');
  await nothingLeft(instance);
});

test('a task that was recorded is launched, and one that is not wanted is stopped, though no job ever told it', async () => {
  const ecs = instance.client();
  const [model = ''] = await run(ecs, 'runs');
  await until(ecs, [model], 'RUNNING');
  const scope = { accountId: '000000000000', region: 'us-east-1' };
  const [known] = await instance.store.tasks.get(scope, [idOf(model)]);
  if (!known) throw new Error('The task is not stored.');

  // What an API leaves behind that dies between recording and waking.
  const taskId = createHash('md5').update(model).digest('hex');
  const { worker: _, ...spec } = { ...known.spec, taskId };
  const placed = await instance.store.tasks.place(scope, {
    clusterName: 'default',
    tasks: [{ spec, wanted: { tags: [] } }],
  });
  expect(placed.outcome).toBe('placed');
  const arn = model.replace(idOf(model), taskId);
  await until(ecs, [arn], 'RUNNING');

  await instance.store.tasks.want(scope, taskId, ({ wanted }) => ({
    ...wanted,
    stop: { code: 'UserInitiated', reason: 'nobody was told', at: Date.now() },
  }));
  const [task] = await until(ecs, [arn], 'STOPPED');
  expect(task?.stoppedReason).toBe('nobody was told');
  await stop(ecs, model);
  await until(ecs, [model], 'STOPPED');
  await nothingLeft(instance);
});

test('a call that is repeated with its token after the API died is the same task', async () => {
  const ecs = instance.client();
  const { input } = runCommand('runs', { clientToken: 'again' });
  const first = ecs.send(runCommand('runs', input)).catch(() => undefined);
  await moment(8);
  await api.kill();
  await first;
  api = await instance.startApi();
  const [again = ''] = await run(ecs, 'runs', { clientToken: 'again' });
  expect(await list(ecs, 'RUNNING')).toEqual([again]);
  await until(ecs, [again], 'RUNNING');
  await stop(ecs, again);
  await until(ecs, [again], 'STOPPED');
  await nothingLeft(instance);
});

test('the SDK, with its usual retries, does not notice an API that is restarted', async () => {
  // Eight tries as ever, but not by chance all within the second that a start takes.
  const ecs = instance.client({ retryStrategy: new ConfiguredRetryStrategy(8, (tried) => 100 * 2 ** tried) });
  await api.kill();
  const calls = Array.from({ length: 5 }, async () => await run(ecs, 'runs'));
  api = await instance.startApi();
  const arns = (await Promise.all(calls)).flat();
  await until(ecs, arns, 'RUNNING');
  expect(await list(ecs, 'RUNNING')).toHaveLength(5);
  await Promise.all(arns.map(async (arn) => await stop(ecs, arn)));
  await until(ecs, arns, 'STOPPED');
  await eventually('nothing to run', async () => ((await list(ecs, 'RUNNING')).length === 0 ? true : undefined));
});
