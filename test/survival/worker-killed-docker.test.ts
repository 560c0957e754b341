/** The worker is killed while real containers are launched and stopped; programs run once and their ends are told as they were. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineMissing } from '../runtime/images.ts';
import { containersOf, createEngineInstance, type EngineInstance, watchEngine } from '../support/engine-instance.ts';
import { chanceOf, eventually, moment, seed } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import type { RoleProcess } from '../support/processes.ts';
import { describe as describeTasks, idOf, register, run, stop, until, untilStopped } from '../support/tasks.ts';

const missing = await engineMissing();
const rounds = 6;

describe.skipIf(missing !== undefined)(`a killed worker on Docker ${missing ?? ''}`, () => {
  let instance: EngineInstance;
  beforeAll(async () => {
    instance = await createEngineInstance({ settings: { LONGSHORE_WARM_POOL: '2' } });
  });
  afterAll(async () => await instance?.close());

  test(`six kills in the middle of launches and stops (seed ${seed})`, async () => {
    const chance = chanceOf(seed);
    const ecs = instance.client();
    const { image } = instance;
    const forever = ['sh', '-c', 'trap "exit 7" TERM; sleep 1000 & wait'];
    await register(ecs, 'runs', [
      { image, command: forever, stopTimeout: 10 },
      { image, command: forever, stopTimeout: 10 },
    ]);
    await register(ecs, 'ends', [{ image, command: ['sh', '-c', 'sleep 0.2; exit 3'] }]);
    await register(ecs, 'fails', [{ image, command: ['/no/such/command'] }]);

    const watch = await watchEngine(instance);
    const runs: string[] = [];
    const stopped: string[] = [];
    const ends: string[] = [];
    const fails: string[] = [];
    let worker: RoleProcess = await instance.startWorker();
    for (let round = 0; round < rounds; round += 1) {
      runs.push(...(await run(ecs, 'runs', { count: 2 })));
      ends.push(...(await run(ecs, 'ends')));
      fails.push(...(await run(ecs, 'fails')));
      await moment(chance.number(900));
      const victims = runs.splice(0, 1);
      await Promise.all(victims.map(async (arn) => await stop(ecs, arn)));
      stopped.push(...victims);
      await moment(chance.number(200));
      const adopted = await Promise.all(runs.map(async (arn) => await containersOf(instance, idOf(arn))));
      await worker.kill();
      worker = await instance.startWorker();
      for (const [index, arn] of runs.entries())
        expect(await containersOf(instance, idOf(arn))).toMatchObject(adopted[index] ?? {});
    }

    for (const task of await until(ecs, runs, 'RUNNING')) expect(task.containers).toHaveLength(2);
    for (const task of await until(ecs, stopped, 'STOPPED')) expect(task.stopCode).toBe('UserInitiated');
    for (const task of await until(ecs, ends, 'STOPPED')) {
      expect(task.stopCode).toBe('EssentialContainerExited');
      expect(task.containers?.[0]?.exitCode).toBe(3);
    }
    for (const task of await until(ecs, fails, 'STOPPED')) {
      expect(task.stopCode).toBe('TaskFailedToStart');
      expect(task.containers?.[0]?.reason).toMatch(/^CannotStartContainerError/);
    }
    // Nothing was started twice, whatever the worker forgot.
    expect([...watch.starts].sort()).toEqual([...new Set(watch.starts)].sort());
    expect(watch.starts).toEqual(
      expect.arrayContaining(runs.flatMap((arn) => [`${idOf(arn)}/app`, `${idOf(arn)}/side1`])),
    );

    await Promise.all(runs.map(async (arn) => await stop(ecs, arn)));
    for (const task of await until(ecs, runs, 'STOPPED'))
      expect(task.containers?.map(({ exitCode }) => exitCode)).toEqual([7, 7]);
    watch.close();
    await nothingLeft(instance);
    await worker.stop();
  });

  test('an exit while no worker was there is told with its own code and time', async () => {
    const ecs = instance.client();
    const { image } = instance;
    await register(ecs, 'short', [
      { image, command: ['sh', '-c', 'sleep 1; exit 42'] },
      { image, command: ['sh', '-c', 'trap "exit 5" TERM; sleep 1000 & wait'], essential: false },
    ]);
    const watch = await watchEngine(instance);
    const worker = await instance.startWorker();
    const [arn = ''] = await run(ecs, 'short');
    const [running] = await until(ecs, [arn], 'RUNNING');
    await worker.kill();
    await eventually('the program to end', () => (watch.ends.includes(`${idOf(arn)}/app`) ? true : undefined));
    const [unseen] = await describeTasks(ecs, [arn]);
    expect(unseen?.lastStatus).toBe('RUNNING');

    const restarted = Date.now();
    const next = await instance.startWorker();
    const task = await untilStopped(ecs, arn);
    expect(task.stopCode).toBe('EssentialContainerExited');
    expect(task.startedAt).toEqual(running?.startedAt);
    expect(task.containers?.map(({ exitCode }) => exitCode)).toEqual([42, 5]);
    expect(task.executionStoppedAt?.getTime()).toBeLessThan(restarted);
    expect([...watch.starts].sort()).toEqual([`${idOf(arn)}/app`, `${idOf(arn)}/side1`]);
    watch.close();
    await nothingLeft(instance);
    await next.stop();
  });

  test('SIGTERM leaves containers running for the next start, --stop-tasks does not', async () => {
    const ecs = instance.client();
    const { image } = instance;
    const command = ['sh', '-c', 'trap "exit 9" TERM; sleep 1000 & wait'];
    await register(ecs, 'stays', [{ image, command, stopTimeout: 10 }]);
    const watch = await watchEngine(instance);
    const worker = await instance.startWorker();
    const arns = await run(ecs, 'stays', { count: 2 });
    await until(ecs, arns, 'RUNNING');
    const before = await Promise.all(arns.map(async (arn) => await containersOf(instance, idOf(arn))));

    worker.signal('SIGTERM');
    expect(await worker.ended).toBe(0);
    expect(await Promise.all(arns.map(async (arn) => await containersOf(instance, idOf(arn))))).toEqual(before);
    await until(ecs, arns, 'RUNNING');

    const next = await instance.startWorker();
    const more = await run(ecs, 'stays');
    await until(ecs, [...arns, ...more], 'RUNNING');
    // One that is only just being launched is stopped as well.
    const newest = await run(ecs, 'stays');
    expect(await next.stop({ stopTasks: true })).toBe(0);
    const all = [...arns, ...more];
    for (const task of await until(ecs, all, 'STOPPED')) {
      expect(task.stopCode).toBe('UserInitiated');
      expect(task.stoppedReason).toMatch(/--stop-tasks/);
      expect(task.containers?.[0]?.exitCode).toBe(9);
    }
    await until(ecs, newest, 'STOPPED');
    expect(watch.ends.filter((name) => all.some((arn) => name.startsWith(idOf(arn))))).toHaveLength(3);
    watch.close();
    await nothingLeft(instance);
  });
});
