/** What is known of a task at each moment: digests, and the times that DescribeTasks shows. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StopTaskCommand, type Task } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeDriver } from '../../runtime/fake/driver.ts';
import {
  container,
  containerIs,
  describeTask,
  is,
  type Lifecycle,
  recorded,
  run,
  startLifecycle,
  stop,
  until,
} from './support.ts';

/** What the image's tag points to now. */
let pointsTo = digest(1);
let lifecycle: Lifecycle;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-facts-'));
  const stateFile = join(folder, 'state');
  lifecycle = await startLifecycle({
    driver: async ({ now, after }) =>
      createFakeDriver({
        networkRange: { subnet: '10.213.0.0/22', gateway: '10.213.0.1' },
        clock: { now, after },
        behaviour: () => ({ digest: pointsTo }),
        stateFile,
      }),
  });
});
afterAll(async () => {
  await lifecycle?.close();
  await rm(folder, { recursive: true });
});

function digest(number: number): string {
  return `sha256:${String(number).repeat(64)}`;
}

describe('the image', () => {
  it('that was resolved before the task was placed is what runs', async () => {
    const model = await recorded(lifecycle, await run(lifecycle, [{ name: 'app' }, { name: 'side' }]));
    const taskId = randomUUID().replaceAll('-', '');
    const { worker: _, ...spec } = model.spec;
    const containers = spec.containers.map((each) =>
      each.name === 'app' ? { ...each, imageDigest: digest(7) } : each,
    );
    await lifecycle.store.tasks.place(spec, {
      clusterName: spec.clusterName,
      tasks: [{ spec: { ...spec, taskId, containers }, wanted: { tags: [] } }],
    });
    const task = await until(lifecycle, taskId, is('RUNNING'));
    expect(container(task, 'app')).toMatchObject({ image: 'simulated', imageDigest: digest(7) });
    expect(container(task, 'side')?.imageDigest).toBe(digest(1));
  });

  it('that one worker brought is what the next one runs', async () => {
    const task = await run(lifecycle, [
      { name: 'app', dependsOn: [{ containerName: 'init', condition: 'COMPLETE' }] },
      { name: 'init', essential: false, environment: { FAKE_RUN_FOR_MS: 5000 } },
    ]);
    const { pullStoppedAt } = await until(
      lifecycle,
      task,
      (seen) => container(seen, 'app')?.imageDigest !== undefined && containerIs('init', 'RUNNING')(seen),
    );
    pointsTo = digest(2);
    lifecycle.time.advance(1000);
    await lifecycle.restartWorker();
    const running = await until(lifecycle, task, is('RUNNING'), 1000);
    expect(container(running, 'app')?.imageDigest).toBe(digest(1));
    expect(running.pullStoppedAt).toEqual(pullStoppedAt);
  });
});

describe('the times of a task', () => {
  /** Those that are there, in the order of their meaning. */
  const times = (task: Task) =>
    [
      task.createdAt,
      task.connectivityAt,
      task.pullStartedAt,
      task.pullStoppedAt,
      task.startedAt,
      task.stoppingAt,
      task.executionStoppedAt,
      task.stoppedAt,
    ].map((at) => at?.getTime());
  const ordered = (task: Task) => {
    const there = times(task).filter((at) => at !== undefined);
    expect(there).toEqual([...there].sort((a, b) => a - b));
  };

  it('that was stopped while its image came: pulled and ended, never started', async () => {
    const task = await run(lifecycle, [{ name: 'app', environment: { FAKE_PULL_MS: 60_000 } }]);
    const pulling = await until(lifecycle, task, ({ pullStartedAt }) => pullStartedAt !== undefined);
    expect(pulling).toMatchObject({ lastStatus: 'PENDING', connectivity: 'CONNECTED' });
    expect(pulling.pullStoppedAt).toBeUndefined();
    await stop(lifecycle, task);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(times(end).map((at) => at !== undefined)).toEqual([true, true, true, true, false, true, true, true]);
    expect(container(end, 'app')).toMatchObject({ lastStatus: 'STOPPED' });
    expect(container(end, 'app')?.exitCode).toBeUndefined();
  });

  it.each([
    ['whose image is not there', 'pull', 'CannotPullContainerError: '],
    ['whose container cannot be made', 'create', 'CannotCreateContainerError: '],
    ['whose program cannot be run', 'start', 'CannotStartContainerError: '],
  ])('%s: pulled and ended, never started', async (_, step, reason) => {
    const task = await run(lifecycle, [{ name: 'app', environment: { FAKE_FAIL_AT: step } }]);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(end).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason: expect.stringMatching(`^${reason}`) });
    expect(times(end).map((at) => at !== undefined)).toEqual([true, true, true, true, false, true, true, true]);
    expect(container(end, 'app')?.reason).toMatch(new RegExp(`^${reason}`));
  });

  it('without a network: neither pulled nor ended', async () => {
    const task = await run(lifecycle, [{ name: 'app', environment: { FAKE_FAIL_AT: 'sandbox' } }]);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(times(end).map((at) => at !== undefined)).toEqual([true, false, false, false, false, true, false, true]);
  });

  it('that ran: all of them, one after another', async () => {
    const task = await run(lifecycle, [{ name: 'app', environment: { FAKE_PULL_MS: 5, FAKE_START_MS: 5 } }]);
    const running = await until(lifecycle, task, is('RUNNING'), 1);
    expect(container(running, 'app')).toMatchObject({
      imageDigest: expect.stringMatching(/^sha256:/),
      runtimeId: expect.stringMatching(`^${task.slice(-32)}-\\d{10}$`),
    });
    const answer = await lifecycle.ecs.send(new StopTaskCommand({ task }));
    expect(answer.task).toMatchObject({ lastStatus: 'RUNNING', desiredStatus: 'STOPPED' });
    expect(answer.task?.stoppingAt).toBeInstanceOf(Date);
    const end = await until(lifecycle, task, is('STOPPED'), 1);
    expect(times(end)).not.toContain(undefined);
    ordered(end);
  });

  it('containers that never ran are STOPPED once their task deprovisions', async () => {
    const task = await run(lifecycle, [
      { name: 'app', dependsOn: [{ containerName: 'init', condition: 'COMPLETE' }] },
      { name: 'init', essential: false },
    ]);
    await until(lifecycle, task, containerIs('init', 'RUNNING'));
    await stop(lifecycle, task);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(end.containers?.map(({ lastStatus }) => lastStatus)).toEqual(['STOPPED', 'STOPPED']);
    expect((await describeTask(lifecycle, task)).executionStoppedAt).toBeDefined();
  });
});
