/** The worker is killed at random moments while tasks are launched and stopped: every task still comes to its right end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chanceOf, moment, seed } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { createInstance, type Instance, type RoleProcess, simulatedStarts } from '../support/processes.ts';
import { createDefaultCluster, describe, idOf, register, run, stop, until, untilStopped } from '../support/tasks.ts';

let instance: Instance;
beforeAll(async () => {
  instance = await createInstance({ runtime: 'fake', settings: { LONGSHORE_WORKER_MEMORY: '400000' } });
  await instance.startApi();
});
afterAll(async () => await instance?.close());

const rounds = 20;

test(`twenty kills in the middle of launches and stops (seed ${seed})`, async () => {
  const chance = chanceOf(seed);
  const ecs = instance.client();
  await createDefaultCluster(ecs);
  const slow = { FAKE_PULL_MS: 40, FAKE_START_MS: 20 };
  await register(ecs, 'runs', [{ environment: slow }, { environment: slow }]);
  await register(ecs, 'ends', [{ environment: { ...slow, FAKE_RUN_FOR_MS: 30, FAKE_EXIT_CODE: 3 } }]);
  await register(ecs, 'fails', [{ environment: { ...slow, FAKE_FAIL_AT: 'start' } }]);
  await register(ecs, 'lacks', [{ environment: { ...slow, FAKE_FAIL_AT: 'pull' } }]);

  const runs: string[] = [];
  const stopped: string[] = [];
  const ends: string[] = [];
  const fails: string[] = [];
  const lacks: string[] = [];
  let worker: RoleProcess = await instance.startWorker();
  for (let round = 0; round < rounds; round += 1) {
    const launched = Promise.all([
      run(ecs, 'runs', { count: 4 }).then((arns) => runs.push(...arns)),
      run(ecs, 'ends', { count: 2 }).then((arns) => ends.push(...arns)),
      run(ecs, 'fails').then((arns) => fails.push(...arns)),
      run(ecs, 'lacks').then((arns) => lacks.push(...arns)),
    ]);
    // Before, in and after placement; at every step of the launches.
    await moment(chance.number(150));
    const victims = runs.splice(0, 1 + chance.whole(2));
    const asked = Promise.all(victims.map(async (arn) => await stop(ecs, arn)));
    await moment(chance.number(30));
    await worker.kill();
    await Promise.all([launched, asked]);
    stopped.push(...victims);
    worker = await instance.startWorker();
  }

  for (const task of await until(ecs, runs, 'RUNNING')) {
    expect(task.containers).toHaveLength(2);
    expect(task.containers?.every(({ lastStatus }) => lastStatus === 'RUNNING')).toBe(true);
    expect(task.desiredStatus).toBe('RUNNING');
  }
  for (const task of await until(ecs, stopped, 'STOPPED')) expect(task.stopCode).toBe('UserInitiated');
  for (const task of await until(ecs, ends, 'STOPPED')) {
    expect(task.stopCode).toBe('EssentialContainerExited');
    expect(task.containers?.[0]?.exitCode).toBe(3);
  }
  for (const task of await until(ecs, fails, 'STOPPED')) {
    expect(task.stopCode).toBe('TaskFailedToStart');
    expect(task.containers?.[0]?.reason).toMatch(/^CannotStartContainerError/);
  }
  for (const task of await until(ecs, lacks, 'STOPPED')) {
    expect(task.stopCode).toBe('TaskFailedToStart');
    expect(task.containers?.[0]?.reason).toMatch(/^CannotPullContainerError/);
  }

  const starts = simulatedStarts(instance);
  expect(starts.length, 'a program was started twice').toBe(new Set(starts).size);
  const running = new Set(runs.map(idOf));
  expect((await instance.leftInRuntime()).filter((id) => !running.has(id))).toEqual([]);

  await Promise.all(runs.map(async (arn) => await stop(ecs, arn)));
  await until(ecs, runs, 'STOPPED');
  await nothingLeft(instance);
  await worker.stop();
});

test('an exit while no worker was there is reported with its own code and time', async () => {
  const ecs = instance.client();
  await register(ecs, 'short', [
    { environment: { FAKE_RUN_FOR_MS: 700, FAKE_EXIT_CODE: 42 } },
    { environment: {}, essential: false },
  ]);
  const worker = await instance.startWorker();
  const [arn = ''] = await run(ecs, 'short');
  const [running] = await until(ecs, [arn], 'RUNNING');
  await worker.kill();
  await moment(900);
  const [unseen] = await describe(ecs, [arn]);
  expect(unseen?.lastStatus).toBe('RUNNING');

  const next = await instance.startWorker();
  const restarted = Date.now();
  const task = await untilStopped(ecs, arn);
  expect(task.stopCode).toBe('EssentialContainerExited');
  expect(task.startedAt).toEqual(running?.startedAt);
  expect(task.containers?.map(({ name, exitCode }) => [name, exitCode])).toEqual([
    ['app', 42],
    ['side1', 143],
  ]);
  expect(task.executionStoppedAt?.getTime()).toBeLessThan(restarted);
  expect(task.stoppedAt?.getTime()).toBeGreaterThanOrEqual(task.executionStoppedAt?.getTime() ?? 0);
  await nothingLeft(instance);
  await next.stop();
});
