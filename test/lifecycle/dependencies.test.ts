/** dependsOn through the public API, on simulated containers and with time by hand. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  container,
  containerIs,
  describeTask,
  healthIs,
  is,
  type Lifecycle,
  recorded,
  run,
  startLifecycle,
  stop,
  until,
} from './support.ts';

const check = { command: ['CMD-SHELL', 'ok'], interval: 5, timeout: 2, retries: 1 };
const on = (containerName: string, condition: 'START' | 'COMPLETE' | 'SUCCESS' | 'HEALTHY') => ({
  containerName,
  condition,
});

let lifecycle: Lifecycle;
beforeAll(async () => {
  lifecycle = await startLifecycle();
});
beforeEach(() => {
  lifecycle.journal.length = 0;
});
afterAll(() => lifecycle?.close());

const starts = () => lifecycle.journal.filter((line) => line.startsWith('start ')).map((line) => line.slice(6));

describe('an application with an init container and a sidecar', () => {
  const containers = [
    { name: 'app', dependsOn: [on('init', 'SUCCESS'), on('sidecar', 'HEALTHY')] },
    { name: 'init', essential: false, environment: { FAKE_RUN_FOR_MS: 3000 } },
    { name: 'sidecar', healthCheck: check, dependsOn: [on('init', 'START')] },
  ];

  it('starts one by one and shows it; RUNNING comes when all have reached their state', async () => {
    const task = await run(lifecycle, containers);
    const first = await until(lifecycle, task, containerIs('sidecar', 'RUNNING'));
    expect(first.lastStatus).toBe('PENDING');
    expect(container(first, 'app')?.lastStatus).toBe('PENDING');
    lifecycle.time.advance(3000);
    const second = await until(lifecycle, task, containerIs('init', 'STOPPED'));
    expect(container(second, 'init')?.exitCode).toBe(0);
    expect(second.lastStatus).toBe('PENDING');
    expect(container(second, 'app')).toMatchObject({ lastStatus: 'PENDING', imageDigest: expect.any(String) });
    expect(starts()).toEqual(['init', 'sidecar']);
    const third = await until(lifecycle, task, is('RUNNING'), 1000);
    expect(container(third, 'sidecar')?.healthStatus).toBe('HEALTHY');
    expect(starts()).toEqual(['init', 'sidecar', 'app']);
    await stop(lifecycle, task);
    const last = await until(lifecycle, task, is('STOPPED'));
    expect(last).toMatchObject({ stopCode: 'UserInitiated', stoppedReason: 'Task stopped by user' });
    expect(lifecycle.journal.filter((line) => line.startsWith('stop'))).toEqual([
      'stop app 30',
      'stopped app',
      'stop sidecar 30',
      'stopped sidecar',
    ]);
  });

  it('goes on where it was when the worker died', async () => {
    const task = await run(lifecycle, containers);
    await until(lifecycle, task, containerIs('sidecar', 'RUNNING'));
    // The init container ends while nobody looks.
    await lifecycle.restartWorker(() => lifecycle.time.advance(3000));
    await until(lifecycle, task, containerIs('init', 'STOPPED'));
    await lifecycle.restartWorker();
    await until(lifecycle, task, is('RUNNING'), 1000);
    await lifecycle.restartWorker();
    expect(starts()).toEqual(['init', 'sidecar', 'app']);
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  });
});

describe('a dependency that cannot be met any more', () => {
  it('SUCCESS: another exit code stops the task', async () => {
    const task = await run(lifecycle, [
      { name: 'app', dependsOn: [on('init', 'SUCCESS')] },
      { name: 'init', essential: false, environment: { FAKE_RUN_FOR_MS: 0, FAKE_EXIT_CODE: 3 } },
    ]);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(end).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason: 'Task failed to start' });
    expect(end.startedAt).toBeUndefined();
    expect(container(end, 'app')?.reason).toBe(
      'CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [init] for target [app] as dependency did not exit successfully.',
    );
    expect(container(end, 'app')?.exitCode).toBeUndefined();
    expect(container(end, 'init')?.exitCode).toBe(3);
  });

  it.each(['START', 'COMPLETE', 'SUCCESS'] as const)('%s: one that never ran', async (condition) => {
    const task = await run(lifecycle, [
      { name: 'app', dependsOn: [on('init', condition)] },
      { name: 'init', essential: false, environment: { FAKE_FAIL_AT: 'start', FAKE_ERROR: 'no such program' } },
    ]);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(end).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason: 'Task failed to start' });
    expect(container(end, 'init')?.reason).toBe('CannotStartContainerError: no such program');
  });

  it('COMPLETE: any exit code will do', async () => {
    const task = await run(lifecycle, [
      { name: 'app', dependsOn: [on('init', 'COMPLETE')] },
      { name: 'init', essential: false, environment: { FAKE_RUN_FOR_MS: 0, FAKE_EXIT_CODE: 3 } },
    ]);
    await until(lifecycle, task, is('RUNNING'));
  });

  it('a dependent that is not essential fails alone, with those that depend on it', async () => {
    const task = await run(lifecycle, [
      { name: 'app' },
      { name: 'init', essential: false, environment: { FAKE_RUN_FOR_MS: 0, FAKE_EXIT_CODE: 1 } },
      { name: 'helper', essential: false, dependsOn: [on('init', 'SUCCESS')] },
      { name: 'further', essential: false, dependsOn: [on('helper', 'START')] },
    ]);
    const running = await until(lifecycle, task, is('RUNNING'));
    expect(container(running, 'helper')).toMatchObject({ lastStatus: 'STOPPED' });
    expect(container(running, 'further')?.reason).toMatch(/dependency \[helper\] for target \[further\]\.$/);
    expect(container(running, 'app')?.lastStatus).toBe('RUNNING');
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  });
});

describe('startTimeout', () => {
  const timedOut =
    'CannotStartContainerError: dependency graph: container ordering dependency [slow] for target [app] has timed out.';

  it('of the dependency ends the wait, counted from its own start', async () => {
    const task = await run(lifecycle, [
      { name: 'app', dependsOn: [on('slow', 'COMPLETE')] },
      { name: 'slow', essential: false, startTimeout: 10, environment: { FAKE_START_MS: 5000 } },
    ]);
    await until(lifecycle, task, is('PENDING'));
    lifecycle.time.advance(5000);
    await until(lifecycle, task, containerIs('slow', 'RUNNING'));
    lifecycle.time.advance(9999);
    expect((await describeTask(lifecycle, task)).desiredStatus).toBe('RUNNING');
    lifecycle.time.advance(1);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(end).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason: 'Task failed to start' });
    expect(container(end, 'app')?.reason).toBe(timedOut);
    expect(container(end, 'slow')?.exitCode).toBe(143);
  });

  it('runs on while the worker is away', async () => {
    const task = await run(lifecycle, [
      { name: 'app', dependsOn: [on('slow', 'COMPLETE')] },
      { name: 'slow', essential: false, startTimeout: 10 },
    ]);
    await until(lifecycle, task, containerIs('slow', 'RUNNING'));
    await lifecycle.restartWorker(() => lifecycle.time.advance(20_000));
    expect(container(await until(lifecycle, task, is('STOPPED')), 'app')?.reason).toBe(timedOut);
  });

  it('an UNHEALTHY dependency alone only makes the others wait', async () => {
    const task = await run(lifecycle, [
      { name: 'app', dependsOn: [on('slow', 'HEALTHY')] },
      { name: 'slow', healthCheck: check, startTimeout: 60, environment: { FAKE_HEALTH: 'unhealthy' } },
    ]);
    const waiting = await until(lifecycle, task, healthIs('slow', 'UNHEALTHY'), 1000);
    expect(waiting).toMatchObject({ lastStatus: 'PENDING', healthStatus: 'UNHEALTHY' });
    const end = await until(lifecycle, task, is('STOPPED'), 1000);
    expect(container(end, 'app')?.reason).toBe(timedOut);
  });
});

describe('stopping', () => {
  it('while containers wait ends the task without starting them', async () => {
    const task = await run(lifecycle, [
      { name: 'app', dependsOn: [on('never', 'COMPLETE')] },
      { name: 'never', essential: false },
    ]);
    await until(lifecycle, task, containerIs('never', 'RUNNING'));
    await stop(lifecycle, task, 'changed my mind');
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(end).toMatchObject({ stopCode: 'UserInitiated', stoppedReason: 'changed my mind' });
    expect(end.startedAt).toBeUndefined();
    expect(container(end, 'app')).toMatchObject({ lastStatus: 'STOPPED' });
    expect(starts()).toEqual(['never']);
  });

  it('during a pull does not wait for it', async () => {
    const task = await run(lifecycle, [{ name: 'app', environment: { FAKE_PULL_MS: 3_600_000 } }]);
    await until(lifecycle, task, is('PENDING'));
    await stop(lifecycle, task);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(end.stopCode).toBe('UserInitiated');
    expect(container(end, 'app')?.imageDigest).toBeUndefined();
  });

  it('gives each container its own stopTimeout, and Fargate’s two minutes at most', async () => {
    const task = await run(lifecycle, [
      { name: 'app', stopTimeout: 120, environment: { FAKE_IGNORE_SIGTERM: 1 }, dependsOn: [on('base', 'START')] },
      { name: 'base', stopTimeout: 5, environment: { FAKE_IGNORE_SIGTERM: 1 } },
    ]);
    await until(lifecycle, task, is('RUNNING'));
    await stop(lifecycle, task);
    const stopping = await until(lifecycle, task, is('STOPPING'));
    expect(stopping.stoppingAt).toBeInstanceOf(Date);
    await until(lifecycle, task, () => lifecycle.journal.includes('stop app 120'));
    expect(lifecycle.journal).not.toContain('stop base 5');
    // A worker that dies in the middle of a stop goes on with it.
    await lifecycle.restartWorker();
    const end = await until(lifecycle, task, is('STOPPED'), 1000);
    expect(end.containers?.map(({ exitCode }) => exitCode)).toEqual([137, 137]);
    const { stoppingAt = 0, executionStoppedAt = 0, stoppedAt = 0 } = (await recorded(lifecycle, task)).observed;
    expect(executionStoppedAt - stoppingAt).toBeGreaterThanOrEqual(120_000);
    expect(stoppedAt).toBeGreaterThanOrEqual(executionStoppedAt + 5000);
  });

  it('after an essential exit follows the same order', async () => {
    const task = await run(lifecycle, [
      { name: 'app', environment: { FAKE_RUN_FOR_MS: 1000, FAKE_EXIT_CODE: 7 } },
      { name: 'front', essential: false, dependsOn: [on('back', 'START')] },
      { name: 'back', essential: false },
    ]);
    await until(lifecycle, task, is('RUNNING'));
    lifecycle.time.advance(1000);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(end).toMatchObject({
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
    });
    expect(container(end, 'app')?.exitCode).toBe(7);
    expect(lifecycle.journal.filter((line) => line.startsWith('stop '))).toEqual(['stop front 30', 'stop back 30']);
  });
});
