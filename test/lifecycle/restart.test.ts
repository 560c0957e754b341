/** restartPolicy through the public API, on simulated containers and with time by hand. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerExit } from '../../runtime/driver.ts';
import { restarts } from '../../worker/restart-policy.ts';
import { container, is, type Lifecycle, recorded, run, startLifecycle, stop, until } from './support.ts';

describe('whether a container is started again', () => {
  const exit = (exitCode: number, finishedAt: number, error?: string): ContainerExit => ({
    exitCode,
    finishedAt,
    oomKilled: false,
    ...(error === undefined ? {} : { error }),
  });
  const facts = { startedAt: 0 };
  it.each([
    ['without a policy', undefined, facts, exit(1, 100_000), false],
    ['with a policy that is off', { enabled: false }, facts, exit(1, 100_000), false],
    ['after the usual five minutes', { enabled: true }, facts, exit(1, 300_000), true],
    ['before them', { enabled: true }, facts, exit(1, 299_999), false],
    ['after success too', { enabled: true }, facts, exit(0, 300_000), true],
    ['with a code that is ignored', { enabled: true, ignoredExitCodes: [0, 4] }, facts, exit(4, 300_000), false],
    ['with a longer period', { enabled: true, restartAttemptPeriod: 90 }, facts, exit(1, 89_999), false],
    [
      'counted from the last restart',
      { enabled: true },
      { startedAt: 0, lastRestartAt: 60_000 },
      exit(1, 359_999),
      false,
    ],
    ['when it could not be run at all', { enabled: true }, facts, exit(127, 300_000, 'no such program'), false],
    ['when it never started', { enabled: true }, {}, exit(1, 300_000), false],
  ] as const)('%s', (_, policy, known, end, expected) => {
    const given = policy && {
      ...policy,
      ...('ignoredExitCodes' in policy ? { ignoredExitCodes: [...policy.ignoredExitCodes] } : {}),
    };
    expect(restarts(given as Parameters<typeof restarts>[0], known, end)).toBe(expected);
  });
});

describe('a task whose containers restart', () => {
  const policy = { enabled: true, ignoredExitCodes: [9], restartAttemptPeriod: 60 };
  const runsFor = (seconds: number, exitCode = 1) => ({
    FAKE_RUN_FOR_MS: seconds * 1000,
    FAKE_EXIT_CODE: exitCode,
  });
  let lifecycle: Lifecycle;
  beforeAll(async () => {
    lifecycle = await startLifecycle();
  });
  beforeEach(() => {
    lifecycle.journal.length = 0;
  });
  afterAll(() => lifecycle?.close());

  const facts = async (task: string) => (await recorded(lifecycle, task)).observed.containers.app ?? {};
  const restarted = async (task: string, times: number) => {
    await until(lifecycle, task, () => lifecycle.journal.filter((line) => line === 'again app').length === times);
  };

  it('stays RUNNING, counts, and keeps the container', async () => {
    const task = await run(lifecycle, [{ name: 'app', restartPolicy: policy, environment: runsFor(70) }]);
    const before = await until(lifecycle, task, is('RUNNING'));
    for (const times of [1, 2]) {
      lifecycle.time.advance(70_000);
      await restarted(task, times);
      expect(await facts(task)).toMatchObject({ restartCount: times, lastRestartAt: lifecycle.time.now() });
    }
    const after = await until(lifecycle, task, is('RUNNING'));
    expect(container(after, 'app')).toEqual(container(before, 'app'));
    expect(after.version).toBe(before.version);
    await stop(lifecycle, task);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(end).toMatchObject({ stopCode: 'UserInitiated' });
    expect(container(end, 'app')?.exitCode).toBe(143);
    expect(lifecycle.journal.filter((line) => line === 'again app')).toHaveLength(2);
  });

  it.each([
    ['too soon', runsFor(59)],
    ['with an ignored code', runsFor(70, 9)],
  ])('an essential one that ends %s stops the task', async (_, environment) => {
    const task = await run(lifecycle, [{ name: 'app', restartPolicy: policy, environment }]);
    await until(lifecycle, task, is('RUNNING'));
    lifecycle.time.advance(70_000);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(end.stopCode).toBe('EssentialContainerExited');
    expect((await facts(task)).restartCount).toBeUndefined();
  });

  it('one that ends while the worker is away is started again, once', async () => {
    const task = await run(lifecycle, [{ name: 'app', restartPolicy: policy, environment: runsFor(70) }]);
    await until(lifecycle, task, is('RUNNING'));
    await lifecycle.restartWorker(() => lifecycle.time.advance(70_000));
    await restarted(task, 1);
    await lifecycle.restartWorker();
    await until(lifecycle, task, is('RUNNING'));
    expect(await facts(task)).toMatchObject({ restartCount: 1 });
    expect(lifecycle.journal.filter((line) => line === 'again app')).toHaveLength(1);
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  });

  it('one whose worker died between the record and the restart is started, and counted once', async () => {
    const task = await run(lifecycle, [{ name: 'app', restartPolicy: policy, environment: runsFor(70) }]);
    await until(lifecycle, task, is('RUNNING'));
    // The engine does not answer the restart; the worker dies over it.
    const { driver } = lifecycle.worker;
    const starting = new Promise<void>((resolve) => {
      driver.startContainer = async () => {
        resolve();
        return await new Promise(() => {});
      };
    });
    lifecycle.time.advance(70_000);
    await starting;
    expect(await facts(task)).toMatchObject({ restartCount: 1 });
    await lifecycle.restartWorker();
    await restarted(task, 1);
    expect(await facts(task)).toMatchObject({ restartCount: 1 });
    lifecycle.time.advance(70_000);
    await restarted(task, 2);
    expect(await facts(task)).toMatchObject({ restartCount: 2 });
    await stop(lifecycle, task);
    expect(container(await until(lifecycle, task, is('STOPPED')), 'app')?.exitCode).toBe(143);
  });

  it('a stop that comes during a restart ends the container for good', async () => {
    const task = await run(lifecycle, [{ name: 'app', restartPolicy: policy, environment: runsFor(70) }]);
    await until(lifecycle, task, is('RUNNING'));
    const { driver } = lifecycle.worker;
    const { startContainer } = driver;
    let goOn: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const starting = new Promise<void>((resolve) => {
      driver.startContainer = async (handle, how) => {
        resolve();
        await held;
        return await startContainer(handle, how);
      };
    });
    lifecycle.time.advance(70_000);
    await starting;
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPING'));
    expect(lifecycle.journal.filter((line) => line.startsWith('stop '))).toEqual([]);
    goOn();
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(container(end, 'app')?.exitCode).toBe(143);
    driver.startContainer = startContainer;
  });

  it('its health begins anew', async () => {
    const task = await run(lifecycle, [
      {
        name: 'app',
        restartPolicy: policy,
        environment: runsFor(70),
        healthCheck: { command: ['CMD', 'ok'], interval: 10, timeout: 2 },
      },
    ]);
    await until(lifecycle, task, ({ healthStatus }) => healthStatus === 'HEALTHY', 1000);
    await until(lifecycle, task, ({ healthStatus }) => healthStatus === 'UNKNOWN', 1000);
    await until(lifecycle, task, ({ healthStatus }) => healthStatus === 'HEALTHY', 1000);
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  });
});
