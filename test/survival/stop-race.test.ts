/** StopTask at any moment of a launch: the task ends as the user wished, and leaves nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineMissing } from '../runtime/images.ts';
import { createEngineInstance, type EngineInstance } from '../support/engine-instance.ts';
import { chanceOf, moment, seed } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { createInstance, type Instance } from '../support/processes.ts';
import { createDefaultCluster, register, run, stop, until } from '../support/tasks.ts';

const missing = await engineMissing();

describe('simulated', () => {
  let instance: Instance;
  beforeAll(async () => {
    instance = await createInstance({ runtime: 'fake', settings: { LONGSHORE_WORKER_MEMORY: '400000' } });
    await Promise.all([instance.startApi(), instance.startWorker()]);
    await createDefaultCluster(instance.client());
  });
  afterAll(async () => await instance?.close());

  test(`a hundred tasks, each stopped at a moment of its own (seed ${seed})`, async () => {
    const chance = chanceOf(seed);
    const ecs = instance.client();
    const environment = { FAKE_PULL_MS: 100, FAKE_START_MS: 100 };
    await register(ecs, 'slow', [{ environment }, { environment }]);
    const arns = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        await moment(index * 10);
        const [arn = ''] = await run(ecs, 'slow');
        await moment(chance.number(300));
        await stop(ecs, arn, 'no longer wanted');
        return arn;
      }),
    );
    for (const task of await until(ecs, arns, 'STOPPED')) {
      expect(task.stopCode).toBe('UserInitiated');
      expect(task.stoppedReason).toBe('no longer wanted');
      expect(task.containers?.every(({ lastStatus }) => lastStatus === 'STOPPED')).toBe(true);
      expect(task.stoppingAt?.getTime()).toBeLessThanOrEqual(task.stoppedAt?.getTime() ?? 0);
    }
    await nothingLeft(instance);
  });

  test('StopTask of a task that is stopping changes nothing', async () => {
    const ecs = instance.client();
    await register(ecs, 'stubborn', [{ environment: { FAKE_IGNORE_SIGTERM: 1 }, stopTimeout: 2 }]);
    const [arn = ''] = await run(ecs, 'stubborn');
    await until(ecs, [arn], 'RUNNING');
    await stop(ecs, arn, 'the first reason');
    const again = await stop(ecs, arn, 'another reason');
    expect(again.stoppedReason).toBe('the first reason');
    const [task] = await until(ecs, [arn], 'STOPPED');
    expect(task).toMatchObject({ stopCode: 'UserInitiated', stoppedReason: 'the first reason' });
    expect(task?.containers?.[0]?.exitCode).toBe(137);
    const late = await stop(ecs, arn, 'too late');
    expect(late).toMatchObject({ lastStatus: 'STOPPED', stoppedReason: 'the first reason' });
    await nothingLeft(instance);
  });
});

describe.skipIf(missing !== undefined)(`on Docker ${missing ?? ''}`, () => {
  let instance: EngineInstance;
  beforeAll(async () => {
    instance = await createEngineInstance({ settings: { LONGSHORE_WARM_POOL: '2' } });
    await instance.startWorker();
  });
  afterAll(async () => await instance?.close());

  test(`sixteen tasks, each stopped at a moment of its own (seed ${seed})`, async () => {
    const chance = chanceOf(seed);
    const ecs = instance.client();
    const { image } = instance;
    const command = ['sh', '-c', 'trap "exit 0" TERM; sleep 1000 & wait'];
    await register(ecs, 'runs', [
      { image, command },
      { image, command },
    ]);
    const arns = await Promise.all(
      Array.from({ length: 16 }, async (_, index) => {
        await moment(index * 100);
        const [arn = ''] = await run(ecs, 'runs');
        await moment(chance.number(1200));
        await stop(ecs, arn, 'no longer wanted');
        return arn;
      }),
    );
    for (const task of await until(ecs, arns, 'STOPPED')) {
      expect(task.stopCode).toBe('UserInitiated');
      for (const { exitCode } of task.containers ?? []) expect([undefined, 0, 137, 143]).toContain(exitCode);
    }
    await nothingLeft(instance);
  });
});
