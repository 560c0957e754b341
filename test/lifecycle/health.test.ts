/** Health checks by the definition's own command, on simulated containers and with time by hand. */
import type { HealthCheck } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectRedis } from '../../core/redis.ts';
import { followStateChanges } from '../../core/store/events.ts';
import { afterCheck, checkCommand, type Health } from '../../worker/health-check.ts';
import { eventually } from '../support/eventually.ts';
import { describeTask, healthIs, is, type Lifecycle, run, startLifecycle, stop, until } from './support.ts';

describe('what an outcome makes of the health', () => {
  const unknown: Health = { status: 'UNKNOWN', failures: 0 };
  const judge = (check: Partial<HealthCheck>, outcomes: readonly (readonly [passed: boolean, sinceStart: number])[]) =>
    outcomes.reduce<Health>(
      (health, [passed, sinceStart]) =>
        afterCheck(health, { command: ['CMD', 'ok'], ...check }, { passed, sinceStart }),
      unknown,
    ).status;

  it.each([
    ['one success', {}, [[true, 0]], 'HEALTHY'],
    [
      'fewer failures than retries',
      { retries: 3 },
      [
        [false, 0],
        [false, 1],
      ],
      'UNKNOWN',
    ],
    [
      'as many failures as retries',
      { retries: 3 },
      [
        [false, 0],
        [false, 1],
        [false, 2],
      ],
      'UNHEALTHY',
    ],
    [
      'three retries by default',
      {},
      [
        [false, 0],
        [false, 1],
        [false, 2],
      ],
      'UNHEALTHY',
    ],
    [
      'a success between failures',
      { retries: 2 },
      [
        [false, 0],
        [true, 1],
        [false, 2],
      ],
      'HEALTHY',
    ],
    [
      'failures in the start period',
      { retries: 1, startPeriod: 10 },
      [
        [false, 0],
        [false, 9999],
      ],
      'UNKNOWN',
    ],
    ['a failure after the start period', { retries: 1, startPeriod: 10 }, [[false, 10_000]], 'UNHEALTHY'],
    [
      'a failure after a success in the start period',
      { retries: 1, startPeriod: 10 },
      [
        [true, 0],
        [false, 1],
      ],
      'UNHEALTHY',
    ],
    [
      'a success after UNHEALTHY',
      { retries: 1 },
      [
        [false, 0],
        [true, 1],
      ],
      'HEALTHY',
    ],
  ] as const)('%s', (_, check, outcomes, status) => {
    expect(judge(check, outcomes)).toBe(status);
  });

  it('CMD is run as it is, CMD-SHELL by the shell', () => {
    expect(checkCommand({ command: ['CMD', 'curl', '-f', 'a b'] })).toEqual(['curl', '-f', 'a b']);
    expect(checkCommand({ command: ['CMD-SHELL', 'exit $X'] })).toEqual(['/bin/sh', '-c', 'exit $X']);
  });
});

describe('a task with health checks', () => {
  const check = { command: ['CMD-SHELL', 'ok'], interval: 10, timeout: 2, retries: 2 };
  let lifecycle: Lifecycle;
  beforeAll(async () => {
    lifecycle = await startLifecycle();
  });
  beforeEach(() => {
    lifecycle.journal.length = 0;
  });
  afterAll(() => lifecycle?.close());

  it('is UNKNOWN, HEALTHY, UNHEALTHY and runs on; each change raises the version and is announced', async () => {
    const follower = connectRedis(lifecycle.stack.redisUrl, { patience: 3, name: 'follower' });
    const abort = new AbortController();
    const announced: number[] = [];
    const following = (async () => {
      for await (const { change } of followStateChanges(follower, lifecycle.stack.prefix, '0', abort.signal))
        announced.push(change.version);
    })();
    const task = await run(lifecycle, [
      { name: 'app', healthCheck: check, environment: { FAKE_HEALTH: 'unhealthy,healthy,unhealthy' } },
    ]);
    const running = await until(lifecycle, task, is('RUNNING'));
    expect(running.healthStatus).toBe('UNKNOWN');
    lifecycle.time.advance(9999);
    expect(lifecycle.journal).not.toContain('exec app');
    const healthy = await until(lifecycle, task, healthIs('app', 'HEALTHY'), 1000);
    expect(healthy.healthStatus).toBe('HEALTHY');
    const ill = await until(lifecycle, task, healthIs('app', 'UNHEALTHY'), 1000);
    expect(ill).toMatchObject({ lastStatus: 'RUNNING', desiredStatus: 'RUNNING', healthStatus: 'UNHEALTHY' });
    expect([healthy.version, ill.version]).toEqual([(running.version ?? 0) + 1, (running.version ?? 0) + 2]);
    await eventually('the changes to be announced', async () => (announced.at(-1) === ill.version ? true : undefined));
    expect(announced).toEqual(Array.from({ length: ill.version ?? 0 }, (_, index) => index + 1));
    abort.abort();
    await following;
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  });

  it('a check that hangs is a failure, and the next one comes', async () => {
    const task = await run(lifecycle, [
      { name: 'app', healthCheck: check, environment: { FAKE_HEALTH: 'hangs,hangs,healthy' } },
    ]);
    await until(lifecycle, task, is('RUNNING'));
    await until(lifecycle, task, healthIs('app', 'UNHEALTHY'), 1000);
    await until(lifecycle, task, healthIs('app', 'HEALTHY'), 1000);
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  });

  it('only essential containers make the task’s health', async () => {
    const task = await run(lifecycle, [
      { name: 'app', healthCheck: check },
      { name: 'side', essential: false, healthCheck: check, environment: { FAKE_HEALTH: 'unhealthy' } },
    ]);
    await until(lifecycle, task, healthIs('side', 'UNHEALTHY'), 1000);
    expect((await until(lifecycle, task, healthIs('app', 'HEALTHY'), 1000)).healthStatus).toBe('HEALTHY');
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  });

  it('goes on being checked by the next worker, and no longer when it stops', async () => {
    const task = await run(lifecycle, [{ name: 'app', healthCheck: check }]);
    await until(lifecycle, task, healthIs('app', 'HEALTHY'), 1000);
    await lifecycle.restartWorker();
    expect((await describeTask(lifecycle, task)).healthStatus).toBe('HEALTHY');
    lifecycle.journal.length = 0;
    await until(lifecycle, task, () => lifecycle.journal.includes('exec app'), 1000);
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
    lifecycle.journal.length = 0;
    lifecycle.time.advance(60_000);
    expect(lifecycle.journal).toEqual([]);
  });
});
