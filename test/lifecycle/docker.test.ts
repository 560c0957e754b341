/** An application, a sidecar and an init container in real containers, with workers that die in between. */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemAfter } from '../../core/clock.ts';
import { createDockerDriver } from '../../runtime/docker/driver.ts';
import { connectEngine } from '../../runtime/docker/engine.ts';
import { tarOf } from '../../runtime/docker/tar.ts';
import { engineMissing, makeBusyboxImage, type TestImage } from '../runtime/images.ts';
import {
  container,
  containerIs,
  healthIs,
  is,
  type Lifecycle,
  recorded,
  run,
  startLifecycle,
  stop,
  type TestContainer,
  until,
} from './support.ts';

/** Imports cannot set it; the engine's builder can. */
async function withStopSignal(base: TestImage, signal: string): Promise<TestImage> {
  const engine = connectEngine(process.env.DOCKER_HOST);
  try {
    const name = `longshore-test:${randomUUID()}`;
    const context = tarOf([{ path: 'Dockerfile', data: Buffer.from(`FROM ${base.name}\nSTOPSIGNAL ${signal}\n`) }]);
    await engine.call(async (docker) => {
      const answer = await docker.buildImage(Readable.from([context]), { t: name });
      for await (const _ of answer);
    });
    return {
      name,
      remove: async () => {
        const again = connectEngine(process.env.DOCKER_HOST);
        await again.call((docker) => docker.getImage(name).remove({ force: true }));
        again.close();
      },
    };
  } finally {
    engine.close();
  }
}

const skipReason = await engineMissing();

describe.skipIf(skipReason)(skipReason ? `real containers (skipped: ${skipReason})` : 'real containers', () => {
  let base: TestImage;
  let image: TestImage;
  let lifecycle: Lifecycle;
  let stateDir: string;

  beforeAll(async () => {
    const owner = `test-${randomUUID().slice(0, 8)}`;
    const prefix = `10.${randomInt(200, 213)}.${randomInt(0, 256)}`;
    stateDir = await mkdtemp(join(tmpdir(), 'longshore-lifecycle-docker-'));
    base = await makeBusyboxImage('longshore-test', randomUUID());
    image = await withStopSignal(base, 'SIGUSR1');
    lifecycle = await startLifecycle({
      // Nothing waits for time to pass here: it is only asked for.
      time: { now: () => Date.now(), after: systemAfter, advance: () => {} },
      driver: async () =>
        createDockerDriver({
          owner,
          dockerHost: process.env.DOCKER_HOST,
          networkRange: { subnet: `${prefix}.0/26`, gateway: `${prefix}.1` },
          warmPool: 0,
          stateDir,
        }),
    });
  });
  afterAll(async () => {
    try {
      await lifecycle?.worker.driver.clean();
    } finally {
      await lifecycle?.close();
      await image?.remove();
      await base?.remove();
      await rm(stateDir, { recursive: true, force: true });
    }
  });

  const shell = (name: string, script: string, rest: Partial<TestContainer> = {}): TestContainer => ({
    name,
    image: image.name,
    command: ['sh', '-c', script],
    ...rest,
  });
  const serves = 'trap "exit 0" TERM; trap "exit 7" USR1; touch /tmp/ready; while true; do sleep 0.05; done';
  const check = { command: ['CMD-SHELL', 'test -e /tmp/ready'], interval: 5, timeout: 2, retries: 1 };

  it('start one after another, survive dead workers, and stop in reverse by the image’s own signal', async () => {
    const task = await run(lifecycle, [
      shell('app', serves, {
        dependsOn: [
          { containerName: 'init', condition: 'SUCCESS' },
          { containerName: 'side', condition: 'HEALTHY' },
        ],
      }),
      shell('side', serves, { healthCheck: check, dependsOn: [{ containerName: 'init', condition: 'COMPLETE' }] }),
      shell('init', 'sleep 1', { essential: false }),
    ]);
    await until(lifecycle, task, containerIs('init', 'RUNNING'));
    await lifecycle.restartWorker();
    await until(lifecycle, task, containerIs('side', 'RUNNING'));
    await lifecycle.restartWorker();
    const running = await until(lifecycle, task, is('RUNNING'));
    expect(container(running, 'init')).toMatchObject({ lastStatus: 'STOPPED', exitCode: 0 });
    expect(container(running, 'side')?.healthStatus).toBe('HEALTHY');
    expect(lifecycle.journal.filter((line) => line.startsWith('start '))).toEqual([
      'start init',
      'start side',
      'start app',
    ]);
    await stop(lifecycle, task);
    const end = await until(lifecycle, task, is('STOPPED'));
    expect(container(end, 'app')?.exitCode).toBe(7);
    expect(container(end, 'side')?.exitCode).toBe(7);
    const { containers } = (await recorded(lifecycle, task)).observed;
    expect(containers.side?.finishedAt).toBeGreaterThanOrEqual(containers.app?.finishedAt ?? Number.NaN);
    expect(await lifecycle.worker.driver.recover()).toEqual([]);
  }, 90_000);

  it('a check that hangs and forks leaves no process behind', async () => {
    const task = await run(lifecycle, [
      shell('app', serves, {
        healthCheck: { command: ['CMD-SHELL', 'sleep 4321 & sleep 4321'], interval: 5, timeout: 2, retries: 1 },
      }),
    ]);
    await until(lifecycle, task, healthIs('app', 'UNHEALTHY'));
    const [sandbox] = await lifecycle.worker.driver.recover();
    const handle = sandbox?.containers[0]?.handle;
    if (!handle) throw new Error('The container is gone.');
    const session = await lifecycle.worker.driver.exec(handle, { command: ['ps', '-o', 'args'], tty: false });
    let processes = '';
    for await (const { data } of session.output) processes += Buffer.from(data).toString();
    expect(processes).not.toContain('sleep 4321');
    await stop(lifecycle, task);
    await until(lifecycle, task, is('STOPPED'));
  }, 90_000);
});
