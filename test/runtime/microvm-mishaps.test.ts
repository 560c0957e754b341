/** What becomes of a task when its real machine goes wrong, from within or from outside. */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Driver, Limits } from '../../runtime/driver.ts';
import { greetAgent } from '../../runtime/microvm/agent.ts';
import { createMicrovmDriver } from '../../runtime/microvm/driver.ts';
import { uidOf } from '../../runtime/microvm/machine.ts';
import { processesOf } from '../../runtime/microvm/processes.ts';
import { connectIn } from '../../runtime/microvm/sockets.ts';
import { engineMissing, makeBusyboxImage, type TestImage } from './images.ts';
import { machineCache, machinesMissing } from './machines.ts';
import { plainContainer } from './suite-tools.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const MiB = 2 ** 20;
const missing = (await engineMissing()) ?? machinesMissing();

describe.skipIf(missing !== undefined)(`a machine that goes wrong ${missing ?? ''}`, () => {
  let stateDir: string;
  let busybox: TestImage;
  let image: string;
  let driver: Driver;
  const made = new Set<string>();

  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'longshore-mishaps-'));
    busybox = await makeBusyboxImage('longshore-test', randomUUID());
    const prefix = `10.${randomInt(231, 250)}.${randomInt(0, 256)}`;
    driver = createMicrovmDriver({
      owner: `test-${randomUUID().slice(0, 8)}`,
      networkRange: { subnet: `${prefix}.0/26`, gateway: `${prefix}.1` },
      warmPool: 1,
      stateDir,
      cacheDir: machineCache,
    });
    await driver.open();
    const platform = { os: 'linux', architecture: 'amd64' } as const;
    ({ image } = await driver.pullImage({ image: busybox.name, policy: 'once', platform }));
  });
  afterEach(async () => {
    await Promise.all([...made].map((id) => driver.removeSandbox(id)));
    made.clear();
  });
  afterAll(async () => {
    await driver?.clean();
    await driver?.close();
    await busybox?.remove();
    await rm(stateDir, { recursive: true });
  });

  const run = async (script: string, limits: Limits = {}) => {
    const id = randomUUID().replaceAll('-', '');
    made.add(id);
    const sandbox = await driver.createSandbox({ hostname: 'task', limits, labels: {}, id });
    const handle = await driver.createContainer({
      ...plainContainer(id, 'main', image),
      command: ['sh', '-c', script],
      environment: { PATH: '/bin' },
    });
    await driver.startContainer(handle);
    return { handle, address: sandbox.ipv4Address };
  };
  const folderOf = (address: string) => join(stateDir, 'machines', address);

  it('a task that takes all its memory meets its own limit before the machine is short of any', async () => {
    const { handle } = await run('dd if=/dev/zero of=/dev/null bs=600M count=1', { cpus: 1, memory: 512 * MiB });
    expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  it('the end of its kernel ends the container, which quotes its last words', async () => {
    const { handle, address } = await run('sleep 1000');
    // What no container may do.
    const agent = await greetAgent(await connectIn(folderOf(address), 'line-1'), 60_000);
    const crash = agent.call('write', '/proc/sysrq-trigger', 0, 'c');
    await expect(crash).rejects.toThrow('The virtual machine is gone.');
    const exit = await driver.waitContainer(handle);
    expect(exit).toMatchObject({ exitCode: 137, oomKilled: false });
    expect(exit.error).toMatch(/Kernel panic/);
    expect(await processesOf(uidOf(address))).toEqual([]);
  });

  it('one that died while it waited in the pool is replaced', async () => {
    const addresses = () => readdir(join(stateDir, 'machines'));
    await vi.waitUntil(async () => (await addresses()).length > 0, { timeout: 120_000 });
    for (const address of await addresses())
      for (const pid of await processesOf(uidOf(address))) process.kill(pid, 'SIGKILL');
    const { handle } = await run('exit 4');
    expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 4 });
  });

  it('output as fast as the container can write arrives whole and in order', async () => {
    const { handle } = await run('seq 100000');
    let text = '';
    for await (const { data } of driver.logs(handle, { follow: true })) text += Buffer.from(data).toString();
    expect(text).toBe(Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join(''));
  });
});
