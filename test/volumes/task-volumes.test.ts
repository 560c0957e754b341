/** Volumes of tasks, from RunTask to what containers see and to nothing being left. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerDefinition, Task } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEngine } from '../../runtime/docker/engine.ts';
import { engineMissing } from '../runtime/images.ts';
import { idOf, startWholeStack, type WholeStack } from './whole-stack.ts';

const skipReason = await engineMissing();

describe.skipIf(skipReason)('tasks with volumes', () => {
  let stack: WholeStack;
  let folder = '';
  const fileSystem = 'fs-0123456789abcdef0';
  const accessPoint = 'fsap-0123456789abcdef0';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-efs-'));
    await mkdir(join(folder, 'app', 'logs'), { recursive: true });
    await writeFile(join(folder, 'file'), 'shared for ever');
    await writeFile(join(folder, 'app', 'config'), 'of the access point');
    await symlink('/', join(folder, 'way-out'));
    stack = await startWholeStack({
      LONGSHORE_EFS: JSON.stringify({
        [fileSystem]: { source: folder, accessPoints: { [accessPoint]: '/app' } },
        'fs-0000000000000001': '/var/run',
      }),
    });
  });
  afterAll(async () => {
    await stack?.close();
    if (folder) await rm(folder, { recursive: true });
  });

  const container = (name: string, script: string, more: Partial<ContainerDefinition> = {}): ContainerDefinition => ({
    name,
    image: stack.image,
    command: ['sh', '-c', script],
    // A first process that knows no signal is not waited for.
    stopTimeout: 2,
    ...more,
  });
  const exitCodes = ({ containers = [] }: Task) =>
    Object.fromEntries(containers.map(({ name = '', exitCode }) => [name, exitCode]));
  const volumesOf = async (task: Task) => {
    const engine = connectEngine(process.env.DOCKER_HOST);
    try {
      const filters = JSON.stringify({ label: [`longshore.sandbox=${idOf(task)}`] });
      const { Volumes } = await engine.call((docker) => docker.listVolumes({ filters }));
      return Volumes ?? [];
    } finally {
      engine.close();
    }
  };

  it('share one between containers, read-only where said so, and leave nothing', async () => {
    const reader =
      'until test -s /in/word; do sleep 0.05; done; touch /in/x 2>/dev/null && exit 9; grep -q hello /in/word';
    const task = await stack.run({
      volumes: [{ name: 'data' }, { name: 'other', host: {} }],
      containerDefinitions: [
        container('writer', 'echo hello > /out/word; while true; do sleep 0.1; done', {
          essential: false,
          mountPoints: [{ sourceVolume: 'data', containerPath: '/out' }],
        }),
        container('reader', reader, {
          mountPoints: [
            { sourceVolume: 'data', containerPath: '/in', readOnly: true },
            { sourceVolume: 'other', containerPath: '/other' },
          ],
        }),
      ],
    });
    const stopped = await stack.until(task, 'STOPPED');
    expect(stopped).toMatchObject({ stopCode: 'EssentialContainerExited' });
    expect(exitCodes(stopped)).toMatchObject({ reader: 0 });
    expect(await volumesOf(task)).toEqual([]);
  });

  it('give what one container mounts to others, through others too', async () => {
    const task = await stack.run({
      volumes: [{ name: 'data' }],
      containerDefinitions: [
        container(
          'last',
          'until test -s /data/word; do sleep 0.05; done; touch /data/x 2>/dev/null && exit 9; exit 0',
          {
            volumesFrom: [{ sourceContainer: 'middle', readOnly: true }],
          },
        ),
        container('middle', 'echo hello > /data/word; while true; do sleep 0.1; done', {
          essential: false,
          volumesFrom: [{ sourceContainer: 'first' }],
        }),
        container('first', 'while true; do sleep 0.1; done', {
          essential: false,
          mountPoints: [{ sourceVolume: 'data', containerPath: '/data' }],
        }),
      ],
    });
    expect(exitCodes(await stack.until(task, 'STOPPED'))).toMatchObject({ last: 0 });
    expect(await volumesOf(task)).toEqual([]);
  });

  it('have files in memory', async () => {
    const script = 'grep " /scratch tmpfs .*noexec.*size=8192k" /proc/mounts || exit 9';
    const task = await stack.run({
      containerDefinitions: [
        container('app', script, {
          linuxParameters: { tmpfs: [{ containerPath: '/scratch', size: 8, mountOptions: ['noexec', 'mode=1700'] }] },
        }),
      ],
    });
    expect(exitCodes(await stack.until(task, 'STOPPED'))).toEqual({ app: 0 });
  });

  it('share processes when the definition says so', async () => {
    const app = 'trap "exit 0" TERM; echo up; while true; do sleep 0.05; done';
    const script =
      'while true; do for p in /proc/[0-9]*; do grep -q "echo u[p]" $p/cmdline 2>/dev/null && kill -TERM $(echo $p | cut -d/ -f3); done; sleep 0.05; done';
    const task = await stack.run({
      pidMode: 'task',
      containerDefinitions: [container('app', app), container('sidecar', script, { essential: false })],
    });
    expect(exitCodes(await stack.until(task, 'STOPPED'))).toMatchObject({ app: 0 });
  });

  describe('on EFS', () => {
    const efs = (more: object = {}, fileSystemId = fileSystem) => ({
      volumes: [{ name: 'efs', efsVolumeConfiguration: { fileSystemId, ...more } }],
    });
    const mounted = (script: string, readOnly = false) => ({
      containerDefinitions: [
        container('app', script, { mountPoints: [{ sourceVolume: 'efs', containerPath: '/efs', readOnly }] }),
      ],
    });

    it('see the directory, and what they write stays', async () => {
      const task = await stack.run({
        ...efs(),
        ...mounted('grep -q "shared for ever" /efs/file && echo new > /efs/from-task'),
      });
      expect(exitCodes(await stack.until(task, 'STOPPED'))).toEqual({ app: 0 });
      expect(await readFile(join(folder, 'from-task'), 'utf8')).toBe('new\n');
    });

    it('see only the root directory that they name, or their access point', async () => {
      const only = 'test -d /efs/logs && grep -q "access point" /efs/config && test ! -e /efs/file';
      const authorizationConfig = { accessPointId: accessPoint };
      const tasks = await Promise.all([
        stack.run({ ...efs({ rootDirectory: '/app/' }), ...mounted(only) }),
        stack.run({ ...efs({ transitEncryption: 'ENABLED', authorizationConfig }), ...mounted(only, true) }),
      ]);
      for (const task of tasks) expect(exitCodes(await stack.until(task, 'STOPPED'))).toEqual({ app: 0 });
      const mounts = await readFile('/proc/self/mountinfo', 'utf8');
      for (const task of tasks) expect(mounts).not.toContain(idOf(task));
    });

    it.each([
      ['a link that leads out of it', { rootDirectory: '/way-out' }],
      ['a folder that is not there', { rootDirectory: '/absent' }],
    ])('fail to start at %s', async (_, more) => {
      const task = await stack.run({ ...efs(more), ...mounted('exit 0') });
      expect(await stack.until(task, 'STOPPED')).toMatchObject({
        stopCode: 'TaskFailedToStart',
        stoppedReason: expect.stringMatching(
          /^ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes/,
        ),
      });
    });

    it('never see the engine, even when the mapping says so', async () => {
      const task = await stack.run({ ...efs({}, 'fs-0000000000000001'), ...mounted('exit 0') });
      expect(await stack.until(task, 'STOPPED')).toMatchObject({ stopCode: 'TaskFailedToStart' });
    });

    it.each([
      [
        'a file system that is not mapped',
        {},
        'fs-00000000',
        'UnsupportedFeatureException',
        /fs-00000000.*LONGSHORE_EFS/,
      ],
      [
        'an access point that is not mapped',
        { transitEncryption: 'ENABLED', authorizationConfig: { accessPointId: 'fsap-00000000' } },
        fileSystem,
        'UnsupportedFeatureException',
        /fsap-00000000.*LONGSHORE_EFS/,
      ],
      ['a way up', { rootDirectory: '/app/../..' }, fileSystem, 'InvalidParameterException', /must not contain '\.\.'/],
    ])('are refused for %s', async (_, more, fileSystemId, name, message) => {
      const error = await stack.run({ ...efs(more, fileSystemId), ...mounted('exit 0') }).catch((reason) => reason);
      expect(error).toMatchObject({ name, message: expect.stringMatching(message) });
    });
  });

  it('leave nothing of their own on the host', async () => {
    // Everything above has stopped; what is still there would be a leak.
    expect((await stack.driver.recover()).map(({ id }) => id)).toEqual([]);
  });
});
