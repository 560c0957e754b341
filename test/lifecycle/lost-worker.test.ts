/** A worker that does not come back, and spot capacity that is taken away. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stopTasksOfLostWorkers } from '../../core/lost-worker.ts';
import { connectRedis } from '../../core/redis.ts';
import { followStateChanges } from '../../core/store/events.ts';
import { interrupt } from '../../scripts/interrupt.ts';
import { describeTask, is, type Lifecycle, recorded, run, startLifecycle, stop, until } from './support.ts';

let lifecycle: Lifecycle;
beforeAll(async () => {
  lifecycle = await startLifecycle();
});
afterAll(() => lifecycle?.close());

const look = async (lostAfter: number, longestStep = 60_000) =>
  await stopTasksOfLostWorkers(lifecycle.store, { lostAfter, longestStep }, lifecycle.time.now());

describe('a worker without a lease', () => {
  it('keeps its tasks for a while, however long nobody looked', async () => {
    const task = await run(lifecycle, [{ name: 'app' }]);
    await until(lifecycle, task, is('RUNNING'));
    await lifecycle.restartWorker(async () => {
      await look(1, 0);
      // Looks that are further apart than the longest step: the control plane was down as well.
      for (const _ of [1, 2, 3]) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        await look(1, 0);
      }
      expect((await describeTask(lifecycle, task)).lastStatus).toBe('RUNNING');
    });
    await until(lifecycle, task, is('RUNNING'));
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  });

  it('loses its tasks for good; their capacity is free, and it removes their containers when it comes back', async () => {
    const tasks = await Promise.all([1, 2, 3].map(async () => await run(lifecycle, [{ name: 'app' }])));
    for (const task of tasks) await until(lifecycle, task, is('RUNNING'));
    const before = await lifecycle.store.workers.get('w1');
    expect(before?.slotsUsed).toBe(3);
    await lifecycle.restartWorker(async () => {
      await stop(lifecycle, tasks[0] ?? '', 'mine');
      await look(1);
      for (let looked = 0; looked < 1000; looked += 1) {
        await look(1);
        if ((await describeTask(lifecycle, tasks[2] ?? '')).lastStatus === 'STOPPED') break;
      }
      for (const task of tasks.slice(1)) {
        const lost = await describeTask(lifecycle, task);
        expect(lost).toMatchObject({
          lastStatus: 'STOPPED',
          desiredStatus: 'STOPPED',
          stopCode: 'TerminationNotice',
          stoppedReason: 'Host terminated.',
          containers: [{ lastStatus: 'STOPPED' }],
        });
        expect(lost.stoppedAt).toBeInstanceOf(Date);
        expect(lost.containers?.[0]?.exitCode).toBeUndefined();
      }
      expect(await describeTask(lifecycle, tasks[0] ?? '')).toMatchObject({
        stopCode: 'UserInitiated',
        stoppedReason: 'mine',
      });
      expect(await lifecycle.store.workers.get('w1')).toMatchObject({ cpuUsed: 0, memoryUsed: 0, slotsUsed: 0 });
      expect(await lifecycle.store.workers.tasks('w1')).toEqual([]);
    });
    expect(await lifecycle.worker.driver.recover()).toEqual([]);
    const next = await run(lifecycle, [{ name: 'app' }]);
    await until(lifecycle, next, is('RUNNING'));
    // A look at a worker that is there changes nothing.
    await look(0);
    await stop(lifecycle, next);
    await until(lifecycle, next, is('STOPPED'));
  });

  it('cannot write any more once its tasks were given up', async () => {
    const task = await run(lifecycle, [{ name: 'app' }]);
    await until(lifecycle, task, is('RUNNING'));
    const known = await recorded(lifecycle, task);
    await lifecycle.restartWorker(async () => {
      await lifecycle.store.workers.claimLost(0, 60_000);
      await expect(
        lifecycle.store.tasks.observe(known, 'the-former-instance', (observed) => ({ ...observed.observed })),
      ).rejects.toThrow(/took over/);
    });
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  });
});

describe('longshore interrupt', () => {
  const said: string[] = [];
  const command = async (arn: string) =>
    await interrupt(lifecycle.stack.redisUrl, lifecycle.stack.prefix, arn, (line) => said.push(line));

  it('stops a task on FARGATE_SPOT, says why, and announces it', async () => {
    const task = await run(lifecycle, [{ name: 'app', stopTimeout: 120, environment: { FAKE_IGNORE_SIGTERM: 1 } }], {
      capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
    });
    await until(lifecycle, task, is('RUNNING'));
    const redis = connectRedis(lifecycle.stack.redisUrl, { patience: 1, name: 'test-events' });
    const following = new AbortController();
    const [last] = await redis.xrevrange(`${lifecycle.stack.prefix}:events`, '+', '-', 'COUNT', 1);
    const changes = followStateChanges(redis, lifecycle.stack.prefix, last?.[0] ?? '$', following.signal);
    await command(task);
    expect(said.at(-1)).toMatch(/is being interrupted/);
    const { value } = await changes.next();
    expect(value?.change).toMatchObject({ lastStatus: 'RUNNING', desiredStatus: 'STOPPED' });
    following.abort();
    await changes.return(undefined);
    const stopping = await describeTask(lifecycle, task);
    expect(stopping).toMatchObject({ stopCode: 'SpotInterruption', stoppedReason: 'Your Spot Task was interrupted.' });
    await expect(command(task)).rejects.toThrow(/stops already/);
    await until(lifecycle, task, () => lifecycle.journal.includes('stop app 120'));
    const end = await until(lifecycle, task, is('STOPPED'), 10_000);
    expect(end).toMatchObject({ stopCode: 'SpotInterruption', containers: [{ exitCode: 137 }] });
  });

  it('refuses any other task, and what is none', async () => {
    const task = await run(lifecycle, [{ name: 'app' }]);
    await expect(command(task)).rejects.toThrow(/does not run on FARGATE_SPOT/);
    await expect(command(task.replace(/[0-9a-f]{32}$/, '0'.repeat(32)))).rejects.toThrow(/There is no task/);
    await expect(command('arn:aws:ecs:us-east-1:000000000000:cluster/default')).rejects.toThrow(
      /not the ARN of a task/,
    );
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  });
});
