/** Volumes whose files lie outside of a real machine: directories of its host, and NFS exports. */
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Driver, VolumeConfig } from '../../runtime/driver.ts';
import { processesOf } from '../../runtime/microvm/processes.ts';
import { commandLine, processTree } from '../../scripts/bench/process-facts.ts';
import { engineMissing } from './images.ts';
import { machinesMissing, openMachines, outputOf, type TestMachines } from './machines.ts';
import { type NfsServer, nfsServerMissing, startNfsServer } from './nfs-server.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const missing = (await engineMissing()) ?? machinesMissing();

describe.skipIf(missing !== undefined)(`volumes outside of a machine ${missing ?? ''}`, () => {
  let machines: TestMachines;
  let driver: Driver;

  beforeAll(async () => {
    machines = await openMachines({ warmPool: 0 });
    ({ driver } = machines);
  });
  afterEach(() => machines.removeSandboxes());
  afterAll(() => machines?.tearDown());

  const answer = async (script: string, ...volumes: readonly VolumeConfig[]) => {
    const { handle } = await machines.run(script, { volumes });
    await driver.waitContainer(handle);
    return (await outputOf(driver, handle)).trim();
  };

  describe('directories of the host', () => {
    let folder: string;
    const directory = (name: string): VolumeConfig => ({ kind: 'directory', name, path: join(folder, name) });

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'longshore-directories-'));
      for (const name of ['a', 'b']) await mkdir(join(folder, name));
    });
    afterAll(() => rm(folder, { recursive: true }));

    it('are several, each with its owners, modes and links', async () => {
      await writeFile(join(folder, 'a', 'secret'), 'kept', { mode: 0o600 });
      await symlink('/etc/passwd', join(folder, 'b', 'link'));
      const script =
        'cat /a/secret; echo; readlink /b/link; touch /b/mine; chown 1234:77 /b/mine; chmod 4750 /b/mine; ls /a/..|grep -c "^[ab]$"';
      expect(await answer(script, directory('a'), directory('b'))).toBe('kept\n/etc/passwd\n2');
      const { uid, gid, mode } = await stat(join(folder, 'b', 'mine'));
      expect([uid, gid, (mode & 0o7777).toString(8)]).toEqual([1234, 77, '4750']);
    });

    it('take no device nodes, which would be the host’s', async () => {
      expect(await answer('mknod /a/disk b 7 1 2>/dev/null || echo refused', directory('a'))).toBe('refused');
    });

    it('are shared by tasks, and by the next driver', async () => {
      const first = await machines.run(
        'until [ -e /a/asked ]; do sleep 0.1; done; cat /a/asked; echo done > /a/answer',
        {
          volumes: [directory('a')],
        },
      );
      const next = machines.another();
      await next.open();
      try {
        expect(await answer('echo question > /a/asked', directory('a'))).toBe('');
        expect(await next.waitContainer(first.handle)).toMatchObject({ exitCode: 0 });
        expect(await outputOf(next, first.handle)).toBe('question\n');
      } finally {
        await next.close();
      }
      expect(await readFile(join(folder, 'a', 'answer'), 'utf8')).toBe('done\n');
    });

    it('end the machine when their server ends, which has no rights but those over files', async () => {
      const { handle, address } = await machines.run('sleep 1000', { volumes: [directory('a')] });
      const [monitor = 0] = await processesOf(machines.nameOf(address));
      const servers = processTree(monitor).filter((pid) => commandLine(pid).split(' ')[0]?.endsWith('/virtiofsd'));
      expect(servers).not.toEqual([]);
      const privileges = await Promise.all(servers.map((pid) => readFile(`/proc/${pid}/status`, 'utf8')));
      // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETGID, SETUID, SETFCAP and DAC_READ_SEARCH.
      for (const text of privileges) expect(BigInt(`0x${/CapEff:\s+(\w+)/.exec(text)?.[1]}`) & ~0x800000dfn).toBe(0n);
      for (const pid of servers) process.kill(pid, 'SIGKILL');
      const exit = await driver.waitContainer(handle);
      expect(exit).toMatchObject({ exitCode: 137, oomKilled: false });
      expect(exit.error).toContain('the server of its directories ended (signal 9)');
      await vi.waitUntil(() => servers.every((pid) => commandLine(pid) === ''), { timeout: 30_000 });
    });

    it('leave no server behind when the machine is killed', async () => {
      const { handle, address } = await machines.run('sleep 1000', { volumes: [directory('a')] });
      const [monitor = 0] = await processesOf(machines.nameOf(address));
      const below = processTree(monitor);
      process.kill(monitor, 'SIGKILL');
      expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 137 });
      await vi.waitUntil(() => below.every((pid) => commandLine(pid) === ''), { timeout: 30_000 });
    });
  });

  const noServer = nfsServerMissing();
  describe.skipIf(noServer !== undefined)(`NFS exports ${noServer ?? ''}`, () => {
    let server: NfsServer;
    const exported = (subPath: readonly string[] = [], path = server.export): VolumeConfig => ({
      kind: 'nfs',
      name: 'data',
      server: server.address,
      path,
      subPath,
    });

    beforeAll(async () => {
      server = await startNfsServer();
    });
    afterAll(() => server?.stop());

    it('keep what they have and what tasks write, with its owners', async () => {
      await writeFile(join(server.folder, 'file'), 'from the server');
      expect(await answer('cat /data/file; echo mine > /data/new; chown 1234:77 /data/new', exported())).toBe(
        'from the server',
      );
      expect(await stat(join(server.folder, 'new'))).toMatchObject({ uid: 1234, gid: 77, size: 5 });
      expect(await answer('cat /data/new; netstat -ltun | grep -c ":"', exported())).toBe('mine\n0');
    });

    it('have all that was written when the task ends in the middle of it', async () => {
      const { handle } = await machines.run(
        'head -c 30000000 /dev/zero > /data/big; exec 3> /data/open; echo last >&3; echo written; sleep 1000',
        { volumes: [exported()] },
      );
      for await (const { data } of driver.logs(handle, { follow: true }))
        if (Buffer.from(data).toString().includes('written')) break;
      await machines.removeSandboxes();
      expect(await stat(join(server.folder, 'big'))).toMatchObject({ size: 30_000_000 });
      expect(await readFile(join(server.folder, 'open'), 'utf8')).toBe('last\n');
    });

    it('are mounted from a folder in them downwards, to which no link leads', async () => {
      await mkdir(join(server.folder, 'deep', 'er'), { recursive: true });
      await writeFile(join(server.folder, 'deep', 'er', 'file'), 'deep');
      await symlink('..', join(server.folder, 'deep', 'up'));
      expect(await answer('cat /data/file', exported(['deep', 'er']))).toBe('deep');
      for (const subPath of [['deep', 'up'], ['deep', 'er', 'file'], ['absent']])
        await expect(answer('true', exported(subPath))).rejects.toMatchObject({
          kind: 'volume',
          message: expect.stringMatching(/not a directory of the volume|no such file or directory/),
        });
    });

    it('that are not there, or whose server is the host itself, are the volume’s fault', async () => {
      await expect(answer('true', exported([], '/nothing'))).rejects.toMatchObject({
        kind: 'volume',
        message: expect.stringContaining('no such file or directory'),
      });
      const own = { ...exported(), server: '127.0.0.1' } as VolumeConfig;
      await expect(answer('true', own)).rejects.toMatchObject({
        kind: 'volume',
        message: expect.stringContaining('name the directory instead'),
      });
    });
  });
});
