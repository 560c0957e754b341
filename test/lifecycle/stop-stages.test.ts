/** The worker dies in every stage of a stop: the next one goes on from there, and the end is the same. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Driver } from '../../runtime/driver.ts';
import { createFakeDriver } from '../../runtime/fake/driver.ts';
import { container, is, type Lifecycle, recorded, run, startLifecycle, stop, until } from './support.ts';

/** Where the worker gets no further; undefined: nowhere. */
let stuckAt: string | undefined;
/** Called when it has come there. */
let arrived: () => void = () => {};
let lifecycle: Lifecycle;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-stop-stages-'));
  const stateFile = join(folder, randomUUID());
  lifecycle = await startLifecycle({
    driver: async ({ now, after }) =>
      stuck(
        createFakeDriver({
          networkRange: { subnet: '10.213.0.0/22', gateway: '10.213.0.1' },
          clock: { now, after },
          stateFile,
        }),
      ),
  });
});
afterAll(async () => {
  await lifecycle?.close();
  await rm(folder, { recursive: true });
});

function stuck(driver: Driver): Driver {
  const step = async (name: string, action: () => Promise<void>) => {
    for (const moment of [`before ${name}`, `after ${name}`]) {
      if (moment.startsWith('after')) await action();
      if (stuckAt !== moment) continue;
      arrived();
      await new Promise(() => {});
    }
  };
  return {
    ...driver,
    stopContainer: async (handle, grace) =>
      await step(`stop ${handle.name}`, async () => await driver.stopContainer(handle, grace)),
    removeSandbox: async (id) => await step('remove', async () => await driver.removeSandbox(id)),
  };
}

it.each(
  ['stop app', 'stop side', 'stop base', 'remove'].flatMap((step) => [`before ${step}`, `after ${step}`]),
)('%s', async (moment) => {
  const task = await run(lifecycle, [
    { name: 'app', dependsOn: [{ containerName: 'side', condition: 'START' }] },
    { name: 'side', dependsOn: [{ containerName: 'base', condition: 'START' }] },
    { name: 'base' },
  ]);
  await until(lifecycle, task, is('RUNNING'));
  const reached = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  stuckAt = moment;
  await stop(lifecycle, task, 'no longer wanted');
  await reached;
  await lifecycle.restartWorker(() => {
    stuckAt = undefined;
    lifecycle.time.advance(1000);
  });
  const end = await until(lifecycle, task, is('STOPPED'));
  expect(end).toMatchObject({ stopCode: 'UserInitiated', stoppedReason: 'no longer wanted' });
  expect(['app', 'side', 'base'].map((name) => container(end, name)?.exitCode)).toEqual([143, 143, 143]);
  const { containers, stoppingAt, executionStoppedAt, deprovisioningAt, stoppedAt } = (await recorded(lifecycle, task))
    .observed;
  const times = [stoppingAt, ...['app', 'side', 'base'].map((name) => containers[name]?.finishedAt), stoppedAt];
  expect(times).toEqual([...times].sort((one = 0, other = 0) => one - other));
  expect(executionStoppedAt).toBe(containers.app?.finishedAt);
  expect(deprovisioningAt).toBeLessThanOrEqual(stoppedAt ?? 0);
  expect(await lifecycle.worker.driver.recover()).toEqual([]);
});
