/** A worker's name has one holder: who comes second is refused, who was replaced writes nothing more. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, moment } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { createInstance, type Instance, simulatedStarts } from '../support/processes.ts';
import { createDefaultCluster, idOf, register, run, stop, until } from '../support/tasks.ts';

let instance: Instance;
beforeAll(async () => {
  instance = await createInstance({ runtime: 'fake' });
  await instance.startApi();
  const ecs = instance.client();
  await createDefaultCluster(ecs);
  await register(ecs, 'runs', [{}]);
});
afterAll(async () => await instance?.close());

test('a second worker of the same name is refused while the first lives, and takes over when that was killed', async () => {
  const first = await instance.startWorker();
  await expect(instance.startWorker()).rejects.toThrow(/A worker named .* is running already/);
  const ecs = instance.client();
  const arns = await run(ecs, 'runs', { count: 2 });
  await until(ecs, arns, 'RUNNING');

  const before = await instance.store.workers.get(instance.workerName);
  await first.kill();
  const second = await instance.startWorker();
  // The lease of the first has not run out: it was seen to be dead.
  const after = await instance.store.workers.get(instance.workerName);
  expect(after?.instance).not.toBe(before?.instance);

  const more = await run(ecs, 'runs');
  await until(ecs, [...arns, ...more], 'RUNNING');
  const all = [...arns, ...more];
  expect([...simulatedStarts(instance)].sort()).toEqual(all.map((arn) => `${idOf(arn)}/app`).sort());
  await Promise.all(all.map(async (arn) => await stop(ecs, arn)));
  await until(ecs, all, 'STOPPED');
  await nothingLeft(instance);
  await second.stop();
});

test('a worker that was frozen until another took its name writes nothing more and ends', {
  timeout: 60_000,
}, async () => {
  const ecs = instance.client();
  await register(ecs, 'slow', [{ environment: { FAKE_PULL_MS: 300, FAKE_START_MS: 300 } }]);
  const frozen = await instance.startWorker();
  const arns = await run(ecs, 'runs', { count: 2 });
  await until(ecs, arns, 'RUNNING');
  const half = await run(ecs, 'slow', { count: 2 });
  await moment(150);
  frozen.signal('SIGSTOP');

  // A frozen process is not dead: only the end of its lease frees the name.
  await expect(instance.startWorker()).rejects.toThrow(/is running already/);
  const successor = await eventually(
    'the lease to end',
    async () => await instance.startWorker().catch(() => undefined),
    40_000,
  );
  await until(ecs, [...arns, ...half], 'RUNNING');
  const holder = await instance.store.workers.get(instance.workerName);

  frozen.signal('SIGCONT');
  expect(await frozen.ended).not.toBe(0);
  expect(frozen.output()).toMatch(/FencedError/);

  const still = await instance.store.workers.get(instance.workerName);
  expect(still?.instance).toBe(holder?.instance);
  await until(ecs, [...arns, ...half], 'RUNNING');
  const all = [...arns, ...half];
  await Promise.all(all.map(async (arn) => await stop(ecs, arn)));
  for (const task of await until(ecs, all, 'STOPPED')) expect(task.stopCode).toBe('UserInitiated');
  await successor.stop();
});
