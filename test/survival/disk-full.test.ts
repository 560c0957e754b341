/** No room left in the data directory: calls are refused, nothing that was acknowledged is lost, and all goes on later. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ECSClient } from '@aws-sdk/client-ecs';
import { afterEach, describe, expect, test } from 'vitest';
import { loadOrCreateCredentials } from '../../api/credentials.ts';
import { compiled } from '../support/compiled.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/processes.ts';
import { fillDisk, mountSmallDisk, noSmallDisk } from '../support/small-disk.ts';
import { createDefaultCluster, list, register, run, runCommand, stop, until } from '../support/tasks.ts';

describe.skipIf(noSmallDisk !== '')(`a full disk${noSmallDisk}`, () => {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  test('under the data directory of `longshore start`', async () => {
    const dataDir = smallDisk();
    const port = await freePort();
    const key = await loadOrCreateCredentials(dataDir, '000000000000');
    const supervisor = await startSupervisor(dataDir, port);
    const ecs = new ECSClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: key,
      maxAttempts: 1,
    });
    undo.push(() => ecs.destroy());
    await createDefaultCluster(ecs);
    await register(ecs, 'runs', [{}]);
    const before = await run(ecs, 'runs', { count: 5 });
    await until(ecs, before, 'RUNNING');

    const ballast = join(dataDir, 'ballast');
    fillDisk(ballast);
    // Redis has nothing left to write on sooner or later, and then acknowledges nothing.
    const acknowledged: string[] = [];
    await eventually('RunTask to be refused', async () => {
      try {
        acknowledged.push(...(await run(ecs, 'runs')));
        fillDisk(ballast);
        return undefined;
      } catch (error) {
        return (error as Error).name === 'ServerException' ? true : undefined;
      }
    });
    await expect(ecs.send(runCommand('runs'))).rejects.toMatchObject({ name: 'ServerException' });

    rmSync(ballast);
    const [after = ''] = await eventually(
      'room again',
      async () => await run(ecs, 'runs').catch(() => undefined),
      45_000,
    );
    const all = [...before, ...acknowledged, after];
    expect(await list(ecs, 'RUNNING')).toEqual(expect.arrayContaining([...before, after]));
    await until(ecs, [...before, after], 'RUNNING');
    await Promise.all(all.map(async (arn) => await stop(ecs, arn)));
    await until(ecs, all, 'STOPPED');
    supervisor.kill('SIGTERM');
    await once(supervisor, 'exit');
  });

  /** A file system of 24 MiB in memory. */
  function smallDisk(): string {
    const path = mkdtempSync(join(tmpdir(), 'longshore-disk-'));
    undo.push(() => rmSync(path, { recursive: true, force: true }));
    undo.push(mountSmallDisk(path, 24));
    return path;
  }

  async function startSupervisor(dataDir: string, port: number): Promise<ChildProcess> {
    const child = fork(fileURLToPath(await compiled('scripts/cli.js')), ['start'], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        TMPDIR: process.env.TMPDIR,
        LONGSHORE_TEST_RUN: process.env.LONGSHORE_TEST_RUN,
        LONGSHORE_DATA_DIR: dataDir,
        LONGSHORE_PORT: String(port),
        LONGSHORE_RUNTIME: 'fake',
        LONGSHORE_WORKER_MEMORY: '400000',
      },
    });
    const ended = once(child, 'exit');
    undo.push(async () => {
      child.kill('SIGTERM');
      await ended;
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        printed += chunk;
      });
    await eventually('Longshore to be ready', () => {
      if (child.exitCode !== null) throw new Error(printed);
      return printed.includes('Longshore is ready') ? true : undefined;
    });
    return child;
  }
});
