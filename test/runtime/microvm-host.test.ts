/** What real machines share with the rest of their host: its network, its disks, and other installations. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Driver } from '../../runtime/driver.ts';
import { chooseAcceleration } from '../../runtime/microvm/acceleration.ts';
import { prepareGuest } from '../../runtime/microvm/guest.ts';
import { openQemu } from '../../runtime/microvm/qemu.ts';
import { openSnapshots } from '../../runtime/microvm/snapshot.ts';
import { fillDisk } from '../support/small-disk.ts';
import { engineCommandMissing } from './images.ts';
import { machineCache, machinesMissing, openMachines, outputOf, type TestMachines } from './machines.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const missing = (await engineCommandMissing()) ?? machinesMissing();
const run = promisify(execFile);

describe.skipIf(missing !== undefined)(`machines on a host that has more to do ${missing ?? ''}`, () => {
  let machines: TestMachines;
  let driver: Driver;

  beforeAll(async () => {
    // Another file system than that of the cache, and soon full.
    machines = await openMachines({ warmPool: 0, disk: 300 });
    ({ driver } = machines);
  });
  afterEach(() => machines.removeSandboxes());
  afterAll(() => machines?.tearDown());

  it('leave the range of addresses to the installation that came first', async () => {
    const { handle } = await machines.run('sleep 1; exit 6');
    const other = machines.another(`test-${randomUUID().slice(0, 8)}`);
    await expect(other.open()).rejects.toMatchObject({ kind: 'network-taken' });
    await other.close();
    expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 6 });
  });

  it('reach no container of others, and are not reached by one', async () => {
    const listen = ['nc', '-l', '-p', '9000', '-e', 'echo', 'reached'];
    const { stdout } = await run('docker', ['run', '--detach', machines.imageName, ...listen]);
    const neighbour = stdout.trim();
    onTestFinished(async () => void (await run('docker', ['rm', '--force', neighbour])));
    const format = '{{.NetworkSettings.IPAddress}}';
    const address = (await run('docker', ['inspect', '--format', format, neighbour])).stdout.trim();
    // From the host itself it can be reached, so it does listen.
    const ask = (to: string) => `nc -w 2 ${to} 9000 </dev/null || echo refused`;
    const outward = await machines.run(ask(address));
    await driver.waitContainer(outward.handle);
    expect(await outputOf(driver, outward.handle)).toMatch(/refused/);

    const server = await machines.run('nc -l -p 9000 -e echo reached');
    const inward = ['run', '--rm', machines.imageName, 'sh', '-c', ask(server.address)];
    expect((await run('docker', inward)).stdout).toMatch(/refused/);
    const reached = await run('sh', ['-c', `busybox nc -w 5 ${address} 9000 </dev/null`]);
    expect(reached.stdout).toBe('reached\n');
  });

  it('are told that the disk is full instead of being stopped', async () => {
    const { handle } = await machines.run(
      'until [ -e /go ]; do sleep 0.1; done; dd if=/dev/zero of=/big bs=1M count=100 conv=fsync; echo "code $?"',
    );
    const filler = join(machines.machinesFolder, '..', 'filler');
    fillDisk(filler);
    onTestFinished(() => rm(filler));
    await (await driver.exec(handle, { command: ['touch', '/go'], tty: false })).wait();
    expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 0 });
    expect(await outputOf(driver, handle)).toMatch(/code [^0]/);
  });

  it('of several sizes boot at the same time for their snapshots', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-snapshots-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const guest = await prepareGuest(machineCache);
    const vmm = await openQemu({ guest, acceleration: await chooseAcceleration(guest) });
    const one = openSnapshots(vmm, folder);
    const another = openSnapshots(vmm, folder);
    const sizes = [704, 736, 768].map((memory) => ({ cpus: 1, memory }));
    const [first = { cpus: 1, memory: 704 }] = sizes;
    await Promise.all([...sizes.map((size) => one.of(size)), another.of(first)]);
    expect(await readdir(folder)).toHaveLength(3);
  });
});
