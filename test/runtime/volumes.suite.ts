/** The driver contract's part about volumes, memory mounts and shared processes; called by driver.suite.ts. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ContainerHandle, VolumeConfig } from '../../runtime/driver.ts';
import { expectKind, type Program, type SuiteTools } from './suite-tools.ts';

const MiB = 2 ** 20;
const shell = (script: string): Program => ({ command: ['sh', '-c', script] });
const scratch = (name: string): VolumeConfig => ({ kind: 'scratch', name });

export function describeVolumes(tools: SuiteTools): void {
  const { newSandbox, start, containerConfig, output, wrote, programs, driver } = tools;

  const answer = async (sandboxId: string, script: string, config: Program = {}) => {
    const handle = await start(sandboxId, { ...shell(script), name: randomUUID(), ...config });
    return (await output(handle)).stdout.trim();
  };
  const ended = async (handle: ContainerHandle) => (await driver().waitContainer(handle)).exitCode;

  describe('volumes', () => {
    it('that the sandbox does not have cannot be mounted', async () => {
      const { id } = await newSandbox({ volumes: [scratch('data')] });
      const config = containerConfig(id, { ...programs.runs, mounts: [{ volume: 'other', path: '/data' }] });
      await expectKind(driver().createContainer(config), 'create');
    });

    it('of a container that is not there cannot be mounted', async () => {
      const { id } = await newSandbox();
      const config = containerConfig(id, { ...programs.runs, mountsFrom: [{ container: 'absent' }] });
      await expectKind(driver().createContainer(config), 'create');
    });

    it.each<VolumeConfig>([
      { kind: 'scratch', name: '..' },
      { kind: 'scratch', name: 'a/b' },
      { kind: 'directory', name: 'v', path: '/' },
      { kind: 'directory', name: 'v', path: 'tmp' },
      { kind: 'directory', name: 'v', path: '/tmp/../etc' },
      { kind: 'directory', name: 'v', path: '/tmp', subPath: ['..'] },
      { kind: 'directory', name: 'v', path: '/tmp', subPath: ['a/../..'] },
    ])('that lead astray are refused: %j', async (volume) => {
      await expectKind(newSandbox({ volumes: [volume] }), 'volume');
    });

    it('come again with a call that comes again, and go with the sandbox', async () => {
      const volumes = [scratch('data'), scratch('x'.repeat(255))];
      const { id } = await newSandbox({ volumes });
      await newSandbox({ id, volumes });
      await driver().createContainer(
        containerConfig(id, { ...programs.runs, mounts: [{ volume: 'data', path: '/d' }] }),
      );
      await driver().removeSandbox(id);
      const found = await driver().recover();
      expect(found.filter((each) => each.id === id)).toEqual([]);
    });
  });

  describe.runIf(tools.real)('volumes of a real engine', () => {
    it('are shared by the containers of a sandbox, and by no other', async () => {
      const [one, two] = await Promise.all([
        newSandbox({ volumes: [scratch('data')] }),
        newSandbox({ volumes: [scratch('data')] }),
      ]);
      const mounts = [{ volume: 'data', path: '/data' }];
      expect(await answer(one.id, 'echo hello > /data/file; cat /data/file', { mounts })).toBe('hello');
      expect(await answer(one.id, 'cat /elsewhere/file', { mounts: [{ volume: 'data', path: '/elsewhere' }] })).toBe(
        'hello',
      );
      expect(await answer(two.id, 'ls /data', { mounts })).toBe('');
    });

    it('are read-only where they are mounted so', async () => {
      const { id } = await newSandbox({ volumes: [scratch('data')] });
      const script = 'touch /data/file 2>/dev/null && echo written || echo refused';
      const mounts = [{ volume: 'data', path: '/data', readOnly: true }];
      expect(await answer(id, script, { mounts })).toBe('refused');
      expect(await answer(id, script, { mounts: [{ volume: 'data', path: '/data' }] })).toBe('written');
    });

    it('begin with what the image has at the path', async () => {
      const { id } = await newSandbox({ volumes: [scratch('data')] });
      const mounts = [{ volume: 'data', path: '/etc' }];
      expect(await answer(id, 'grep -c worker /etc/passwd', { mounts })).toBe('1');
      expect(await answer(id, 'grep -c worker /copy/passwd', { mounts: [{ volume: 'data', path: '/copy' }] })).toBe(
        '1',
      );
    });

    it('are filled by one image only, however many containers come at once', async () => {
      const { id } = await newSandbox({ volumes: [scratch('data')] });
      const paths = ['/etc', '/bin', '/etc', '/bin'];
      await Promise.all(
        paths.map((path, index) =>
          driver().createContainer(
            containerConfig(id, { ...programs.runs, name: `c${index}`, mounts: [{ volume: 'data', path }] }),
          ),
        ),
      );
      const names = (await answer(id, 'ls /data', { mounts: [{ volume: 'data', path: '/data' }] })).split('\n');
      expect(names.includes('passwd')).not.toBe(names.includes('busybox'));
    });

    it('of one container are given to another, at the same paths, read-only when asked', async () => {
      const { id } = await newSandbox({ volumes: [scratch('a'), scratch('b')] });
      const mounts = [
        { volume: 'a', path: '/a' },
        { volume: 'b', path: '/b', readOnly: true },
      ];
      const source = await start(id, { ...shell('echo one > /a/file; echo done'), name: 'source', mounts });
      expect(await ended(source)).toBe(0);
      const script = 'cat /a/file; for d in a b; do touch /$d/new 2>/dev/null && echo rw || echo ro; done';
      expect(await answer(id, script, { mountsFrom: [{ container: 'source' }] })).toBe('one\nrw\nro');
      expect(await answer(id, script, { mountsFrom: [{ container: 'source', readOnly: true }] })).toBe('one\nro\nro');
    });

    it('go with the sandbox while containers write to them', async () => {
      const { id } = await newSandbox({ volumes: [scratch('data')] });
      const mounts = [{ volume: 'data', path: '/data' }];
      const busy = shell('echo ready; while true; do date >> /data/log; done');
      const handles = await Promise.all(['a', 'b', 'c'].map((name) => start(id, { ...busy, name, mounts })));
      await Promise.all(handles.map((handle) => wrote(handle, 'ready')));
      await driver().removeSandbox(id);
      expect((await driver().recover()).filter((each) => each.id === id)).toEqual([]);
    });

    it('of a sandbox that is half-made are found and removed by the next driver', async () => {
      const id = `half-${randomUUID()}`;
      const stop = new AbortController();
      const making = driver().createSandbox(
        { id, hostname: 'h', limits: {}, labels: {}, volumes: [scratch('data')] },
        stop.signal,
      );
      stop.abort();
      await expectKind(making, 'cancelled');
      const second = await tools.another();
      try {
        await second.open();
        expect((await second.recover()).filter((each) => each.id === id)).toEqual([]);
      } finally {
        await second.close();
      }
    });
  });

  describe.runIf(tools.real && !process.env.DOCKER_HOST)('directories of the host', () => {
    const reason = tools.noHostDirectories;
    const mounting = (title: string, test: () => Promise<void>) =>
      it.skipIf(reason !== undefined)(reason === undefined ? title : `${title} (skipped: ${reason})`, test);
    const newFolder = async () => {
      const folder = await mkdtemp(join(tmpdir(), 'longshore-directory-'));
      await chmod(folder, 0o755);
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      return folder;
    };
    const directory = (path: string, subPath?: readonly string[]): VolumeConfig => ({
      kind: 'directory',
      name: 'data',
      path,
      ...(subPath ? { subPath } : {}),
    });
    const mounts = [{ volume: 'data', path: '/data' }];

    mounting('are mounted as they are and stay when the sandbox goes', async () => {
      const folder = await newFolder();
      await writeFile(join(folder, 'file'), 'from the host');
      const { id } = await newSandbox({ volumes: [directory(folder)] });
      expect(await answer(id, 'cat /data/file; echo from inside > /data/new', { mounts })).toBe('from the host');
      await driver().removeSandbox(id);
      expect(await readFile(join(folder, 'new'), 'utf8')).toBe('from inside\n');
    });

    mounting('are mounted from a folder in them downwards', async () => {
      const folder = await newFolder();
      await mkdir(join(folder, 'a', 'b'), { recursive: true });
      await writeFile(join(folder, 'a', 'b', 'file'), 'deep');
      const { id } = await newSandbox({ volumes: [directory(folder, ['a', 'b'])] });
      // A call that comes again finds what is mounted.
      await newSandbox({ id, volumes: [directory(folder, ['a', 'b'])] });
      expect(await answer(id, 'cat /data/file; touch /data/new', { mounts })).toBe('deep');
      await driver().removeSandbox(id);
      expect((await readdir(join(folder, 'a', 'b'))).sort()).toEqual(['file', 'new']);
      expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(id);
    });

    it('are not left through a link, whoever made it', async () => {
      const folder = await newFolder();
      await symlink('/etc', join(folder, 'out'));
      await symlink('..', join(folder, 'up'));
      await writeFile(join(folder, 'file'), '');
      for (const subPath of [['out'], ['up'], ['up', 'etc'], ['file'], ['absent']])
        await expectKind(newSandbox({ volumes: [directory(folder, subPath)] }), 'volume');
    });

    mounting('stay the folder that was looked at, though it becomes a link before the container is made', async () => {
      const folder = await newFolder();
      await mkdir(join(folder, 'sub'));
      await writeFile(join(folder, 'sub', 'mine'), '');
      const { id } = await newSandbox({ volumes: [directory(folder, ['sub'])] });
      await rename(join(folder, 'sub'), join(folder, 'moved'));
      await symlink('/etc', join(folder, 'sub'));
      expect(await answer(id, 'ls /data', { mounts })).toBe('mine');
    });

    it.each([
      '/',
      '/proc',
      '/sys/fs',
      '/dev',
      '/run',
      '/var',
      '/var/lib',
      '/var/lib/docker',
      '/etc',
    ])('are never %s', async (path) => {
      await expectKind(newSandbox({ volumes: [directory(path)] }), 'volume');
    });

    it('are judged by where they lead', async () => {
      const folder = await newFolder();
      await symlink('/', join(folder, 'root'));
      await symlink('/var/run', join(folder, 'run'));
      for (const name of ['root', 'run'])
        await expectKind(newSandbox({ volumes: [directory(join(folder, name))] }), 'volume');
    });
  });

  describe.runIf(tools.real)('file systems in memory', () => {
    it('have the size and options that were asked for', async () => {
      const { id } = await newSandbox();
      const memoryMounts = [{ path: '/scratch', size: 4 * MiB, options: ['mode=1700', 'noexec'] }];
      const script =
        'grep " /scratch " /proc/mounts; head -c 3m /dev/zero > /scratch/a && echo fits; head -c 3m /dev/zero > /scratch/b 2>/dev/null || echo full';
      const text = await answer(id, script, { memoryMounts });
      expect(text).toMatch(/tmpfs \/scratch tmpfs rw,\S*noexec\S*size=4096k,mode=1700/);
      expect(text).toMatch(/fits\nfull$/);
    });

    it('count as memory of the container', async () => {
      const { id } = await newSandbox();
      const handle = await start(id, {
        // No shell that lives on: without memory for its own program a kernel may have it wait for ever.
        // The pause: see the limits in driver.suite.ts.
        ...shell('sleep 0.5; exec dd if=/dev/zero of=/scratch/a bs=64k count=1600'),
        memoryMounts: [{ path: '/scratch', size: 128 * MiB, options: [] }],
        limits: { memory: 32 * MiB },
      });
      expect(await driver().waitContainer(handle)).toMatchObject({ exitCode: 137, oomKilled: true });
    });
  });
}

export function describeProcesses(tools: SuiteTools): void {
  const { newSandbox, start, output, wrote, programs, driver } = tools;

  describe.runIf(tools.real)('processes that are shared', () => {
    const shared = true;

    it('see each other, and those of other containers do not', async () => {
      const { id } = await newSandbox();
      const target = await start(id, { ...programs.runs, name: 'target', sharedProcesses: shared });
      await wrote(target, 'ready');
      const alone = await start(id, { ...shell('ps'), name: 'alone' });
      expect((await output(alone)).stdout).not.toContain('echo ready');
      const looker = await start(id, { ...shell('ps'), name: 'looker', sharedProcesses: shared });
      const { stdout } = await output(looker);
      expect(stdout).toContain('echo ready');
      expect(stdout).toMatch(/^ *1 .*pause/m);
    });

    it('signal each other, and a container that ends leaves the others', async () => {
      const { id } = await newSandbox();
      const target = await start(id, { ...programs.runs, name: 'target', sharedProcesses: shared });
      await wrote(target, 'ready');
      const other = await start(id, { ...programs.runs, name: 'other', sharedProcesses: shared });
      await wrote(other, 'ready');
      const script =
        'for p in /proc/[0-9]*; do grep -q "echo read[y]" $p/cmdline && kill -TERM $(echo $p | cut -d/ -f3) && break; done; echo sent';
      await output(await start(id, { ...shell(script), name: 'killer', sharedProcesses: shared }));
      const first = await Promise.race([driver().waitContainer(target), driver().waitContainer(other)]);
      expect(first.exitCode).toBe(143);
      const states = await Promise.all([target, other].map((handle) => driver().inspectContainer(handle)));
      expect(states.map((state) => state?.status).sort()).toEqual(['exited', 'running']);
    });

    it('leave no zombie when their parents are gone', async () => {
      const { id } = await newSandbox();
      const script =
        'for i in 1 2 3 4 5; do sh -c "sleep 0.05 & exec true"; done; while ps | grep -v grep | grep -q "sleep 0.05"; do sleep 0.02; done; cat /proc/[0-9]*/stat 2>/dev/null | cut -d" " -f3 | sort; echo end';
      const text = (await output(await start(id, { ...shell(script), sharedProcesses: shared }))).stdout;
      expect(text).toContain('end');
      expect(text.split('\n')).not.toContain('Z');
    });

    it('end with the container that they belong to', async () => {
      const { id } = await newSandbox();
      const short = await start(id, {
        ...shell('sleep 1000 & echo started; exit 4'),
        name: 'short',
        sharedProcesses: shared,
      });
      expect((await driver().waitContainer(short)).exitCode).toBe(4);
      const looker = await start(id, { ...shell('ps'), name: 'looker', sharedProcesses: shared });
      expect((await output(looker)).stdout).not.toContain('sleep 1000');
    });
  });
}
