/** What becomes of a task when its real machine goes wrong, from within or from outside. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Driver } from '../../runtime/driver.ts';
import { greetAgent } from '../../runtime/microvm/agent.ts';
import { processesOf } from '../../runtime/microvm/processes.ts';
import { connectIn } from '../../runtime/microvm/sockets.ts';
import { engineMissing } from './images.ts';
import { machinesMissing, openMachines, outputOf, type TestMachines } from './machines.ts';
import { plainContainer } from './suite-tools.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const MiB = 2 ** 20;
const missing = (await engineMissing()) ?? machinesMissing();

describe.skipIf(missing !== undefined)(`a machine that goes wrong ${missing ?? ''}`, () => {
  let machines: TestMachines;
  let driver: Driver;

  beforeAll(async () => {
    machines = await openMachines({ warmPool: 1 });
    ({ driver } = machines);
  });
  afterEach(() => machines.removeSandboxes());
  afterAll(() => machines?.tearDown());

  const folderOf = (address: string) => join(machines.machinesFolder, address);

  it('a task that takes all its memory meets its own limit before the machine is short of any', async () => {
    const { handle } = await machines.run('dd if=/dev/zero of=/dev/null bs=600M count=1', {
      limits: { cpus: 1, memory: 512 * MiB },
    });
    expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  it('the end of its kernel ends the container, which quotes its last words', async () => {
    const { handle, address } = await machines.run('sleep 1000');
    // What no container may do.
    const agent = await greetAgent(await connectIn(folderOf(address), 'line-1'), 60_000);
    const crash = agent.call('write', '/proc/sysrq-trigger', 0, 'c');
    await expect(crash).rejects.toThrow('The virtual machine is gone.');
    const exit = await driver.waitContainer(handle);
    expect(exit).toMatchObject({ exitCode: 137, oomKilled: false });
    expect(exit.error).toMatch(/Kernel panic/);
    expect(await processesOf(machines.nameOf(address))).toEqual([]);
  });

  it('one that died while it waited in the pool is replaced', async () => {
    const addresses = () => readdir(machines.machinesFolder);
    await vi.waitUntil(async () => (await addresses()).length > 0, { timeout: 120_000 });
    for (const address of await addresses())
      for (const pid of await processesOf(machines.nameOf(address))) process.kill(pid, 'SIGKILL');
    const { handle } = await machines.run('exit 4');
    expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 4 });
  });

  it('one that died before anything ran in it is replaced for who asks again', async () => {
    const config = { hostname: 'task', limits: {}, labels: {}, id: machines.newId() };
    const first = await driver.createSandbox(config);
    for (const pid of await processesOf(machines.nameOf(first.ipv4Address))) process.kill(pid, 'SIGKILL');
    const replaced = async () => (await driver.createSandbox(config)).ipv4Address !== first.ipv4Address;
    await vi.waitUntil(replaced, { timeout: 60_000 });
    const handle = await driver.createContainer({
      ...plainContainer(config.id, 'main', machines.image),
      command: ['sh', '-c', 'exit 4'],
    });
    await driver.startContainer(handle);
    expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 4 });
  });

  it('one that was killed is no place for another container, which is told why', async () => {
    const { handle, address } = await machines.run('sleep 1000');
    for (const pid of await processesOf(machines.nameOf(address))) process.kill(pid, 'SIGKILL');
    expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 137 });
    const other = driver.createContainer(plainContainer(handle.sandboxId, 'other', machines.image));
    await expect(other).rejects.toMatchObject({
      kind: 'create',
      message: expect.stringMatching(/^the virtual machine ended: QEMU was ended by SIGKILL/),
    });
  });

  it('a fork bomb ends when it is stopped', async () => {
    const { handle } = await machines.run('f() { f | f & }; f; echo begun; sleep 1000', {
      limits: { cpus: 0.25, memory: 512 * MiB },
    });
    for await (const { data } of driver.logs(handle, { follow: true }))
      if (Buffer.from(data).toString().includes('begun')) break;
    await driver.stopContainer(handle, 1);
    expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 137 });
  });

  it('output as fast as the container can write arrives whole and in order', async () => {
    const { handle } = await machines.run('seq 100000');
    expect(await outputOf(driver, handle)).toBe(
      Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join(''),
    );
  });
});
