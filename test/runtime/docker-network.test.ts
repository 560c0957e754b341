/** The network of sandboxes, however they are connected to it. */
import { execFile } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NetworkChoice } from '../../runtime/docker/choose-network.ts';
import { createDockerDriver } from '../../runtime/docker/driver.ts';
import { connectEngine } from '../../runtime/docker/engine.ts';
import { vethOf } from '../../runtime/docker/veth.ts';
import {
  type ContainerConfig,
  type Driver,
  DriverError,
  type Sandbox,
  type SandboxConfig,
} from '../../runtime/driver.ts';
import { readResolvers } from '../../runtime/resolvers.ts';
import { expectKind } from './driver.suite.ts';
import { engineMissing, makeBusyboxImage, type TestImage } from './images.ts';
import { plainContainer } from './suite-tools.ts';

const run = promisify(execFile);
const skipReason = await engineMissing();

/** A range that no other test uses, and a driver for it. */
function installation(length = 26) {
  const owner = `test-${randomUUID().slice(0, 8)}`;
  const prefix = `10.${randomInt(200, 250)}.${randomInt(0, 256)}`;
  const networkRange = { subnet: `${prefix}.0/${length}`, gateway: `${prefix}.1` };
  const create = (network: NetworkChoice, warmPool = 0) =>
    createDockerDriver({ owner, dockerHost: process.env.DOCKER_HOST, networkRange, warmPool, network });
  return { owner, networkRange, create };
}

const sandboxConfig = (id: string, more: Partial<SandboxConfig> = {}): SandboxConfig => ({
  id,
  hostname: 'wish',
  limits: {},
  labels: {},
  ...more,
});

const addressesOf = (sandboxes: readonly Sandbox[]) => sandboxes.map(({ ipv4Address }) => ipv4Address);
const distinct = (values: readonly string[]) => new Set(values).size;
const cables = async () => new Set((await readdir('/sys/class/net')).filter((name) => name.startsWith('longs-v')));

let image: TestImage;
let directMissing: string | undefined;

/** Runs a script in a new container of the sandbox and returns what it wrote. */
async function answer(driver: Driver, sandboxId: string, script: string, more: Partial<ContainerConfig> = {}) {
  const handle = await driver.createContainer({
    ...plainContainer(sandboxId, `c${randomUUID().slice(0, 8)}`, image.name),
    command: ['sh', '-c', script],
    environment: { PATH: '/bin' },
    ...more,
  });
  await driver.startContainer(handle);
  let text = '';
  for await (const { data } of driver.logs(handle, { follow: true })) text += Buffer.from(data).toString();
  await driver.removeContainer(handle);
  return text.trim();
}

describe.skipIf(skipReason)(skipReason ? `networks (skipped: ${skipReason})` : 'networks', () => {
  beforeAll(async () => {
    image = await makeBusyboxImage('longshore-test', randomUUID());
    const probe = installation().create('direct');
    directMissing = (await probe.capabilities()).limitations.find((each) => each.includes('half the speed'));
    await probe.close();
  });
  afterAll(() => image?.remove());

  describe.each(['direct', 'engine'] as const)('%s', (choice) => {
    const { networkRange, owner, create } = installation();
    let driver: Driver;
    let listening: Server;
    let sandbox: Sandbox;

    beforeAll(async () => {
      driver = create(choice);
      await driver.open();
      sandbox = await driver.createSandbox(sandboxConfig('first'));
      listening = createServer();
      await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    });
    afterAll(async () => {
      await driver.clean();
      await driver.close();
      await new Promise((resolve) => listening.close(resolve));
    });

    it('says when it is slow', async () => {
      const { limitations } = await driver.capabilities();
      const slow = limitations.filter((each) => each.includes('half the speed'));
      expect(slow).toHaveLength(choice === 'engine' || directMissing ? 1 : 0);
    });

    it('is none of the host', async () => {
      const namespace = await answer(driver, 'first', 'readlink /proc/self/ns/net');
      expect(namespace).toMatch(/^net:\[\d+\]$/);
      expect(namespace).not.toBe(await readlink('/proc/self/ns/net'));
      expect(await answer(driver, 'first', 'ls /sys/class/net')).toBe('eth0\nlo');
      const { port } = listening.address() as AddressInfo;
      expect(await answer(driver, 'first', `nc -w 1 127.0.0.1 ${port} </dev/null || echo refused`)).toContain(
        'refused',
      );
      // One line of headings: no abstract socket of the host is in sight.
      expect(await answer(driver, 'first', 'wc -l < /proc/net/unix')).toBe('1');
    });

    it('shows nothing of the host to those who share processes with its holder', async () => {
      const look = `tr '\\0' ' ' < /proc/1/cmdline; echo; echo "[$(ls -A /proc/1/root/sys 2>&1)]"
        readlink /proc/1/ns/net; readlink /proc/self/ns/net`;
      const more = { sharedProcesses: true, capabilities: { add: ['SYS_PTRACE'], drop: [] } };
      const [command, system, holder, own] = (await answer(driver, 'first', look, more)).split('\n');
      expect(command).toMatch(/^\/pause/);
      expect(system).toBe('[]');
      expect(holder).toBe(own);
    });

    it('has an address, a name and name servers', async () => {
      const { ipv4Address } = sandbox;
      const name = `ip-${ipv4Address.replaceAll('.', '-')}`;
      expect(await answer(driver, 'first', 'hostname')).toBe(name);
      const hosts = await answer(driver, 'first', 'cat /etc/hosts');
      expect(hosts).toMatch(new RegExp(`^${ipv4Address}\\s+${name}$`, 'm'));
      expect(hosts).toMatch(/^127\.0\.0\.1\s+localhost/m);
      const servers = await answer(driver, 'first', 'grep nameserver /etc/resolv.conf');
      if (choice === 'direct' && !directMissing)
        expect(servers).toBe((await readResolvers()).map((server) => `nameserver ${server}`).join('\n'));
      else expect(servers).toContain('nameserver ');
    });

    it('has IPv4 alone, and lets every user open any port', async () => {
      expect(await answer(driver, 'first', 'ip -6 addr')).toBe('');
      expect(await answer(driver, 'first', 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start')).toBe('0');
      expect(await answer(driver, 'first', 'cat /proc/sys/net/ipv4/ping_group_range')).toMatch(/^0\s+2147483647$/);
    });

    it('leads out of the host under the name of the host', async ({ skip }) => {
      const rules = await run('iptables', ['-t', 'nat', '-S', 'POSTROUTING']).catch(() => undefined);
      if (!rules) return skip('iptables cannot be asked here');
      expect(rules.stdout).toMatch(new RegExp(`-s ${networkRange.subnet} ! -o \\S+ -j MASQUERADE`));
    });

    it('is common to sandboxes', async () => {
      const other = await driver.createSandbox(sandboxConfig('other'));
      const ping = (address: string) => `ping -c 1 ${address}`;
      expect(await answer(driver, 'first', ping(other.ipv4Address))).toContain(' 0% packet loss');
      expect(await answer(driver, 'other', ping(sandbox.ipv4Address))).toContain(' 0% packet loss');
    });

    it('has the sysctls that were asked for, and refuses what is none', async () => {
      const sysctls = { 'net.core.somaxconn': '77', 'net.ipv4.conf.eth0.arp_ignore': '1' };
      await driver.createSandbox(sandboxConfig('tuned', { sysctls }));
      expect(
        await answer(driver, 'tuned', 'cat /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/conf/eth0/arp_ignore'),
      ).toBe('77\n1');
      for (const name of ['net.no.such', 'kernel.hostname', 'net.//.//.kernel']) {
        const refused = driver.createSandbox(sandboxConfig('refused', { sysctls: { [name]: '1' } }));
        await expect(refused).rejects.toThrow(DriverError);
        await driver.removeSandbox('refused');
      }
    });

    it('gives parallel sandboxes an address each', async () => {
      const ids = Array.from({ length: choice === 'direct' ? 12 : 6 }, (_, index) => `many-${index}`);
      const many = await Promise.all(ids.map((id) => driver.createSandbox(sandboxConfig(id))));
      expect(distinct(addressesOf(many))).toBe(ids.length);
      expect(distinct(many.map(({ macAddress }) => macAddress))).toBe(ids.length);
      await Promise.all(ids.map((id) => driver.removeSandbox(id)));
    });

    it('is the same one for calls that come together', async () => {
      const both = await Promise.all([1, 2].map(() => driver.createSandbox(sandboxConfig('twice'))));
      expect(both[0]).toEqual(both[1]);
      expect(await answer(driver, 'twice', 'ls /sys/class/net')).toBe('eth0\nlo');
    });

    it('knows after a crash which addresses are in use', async () => {
      // Neither closed nor asked for anything: as good as dead.
      const next = create(choice);
      await next.open();
      try {
        const before = (await next.recover()).flatMap((each) => each.sandbox ?? []);
        const added = await Promise.all(['new-1', 'new-2', 'new-3'].map((id) => next.createSandbox(sandboxConfig(id))));
        expect(distinct(addressesOf([...before, ...added]))).toBe(before.length + 3);
      } finally {
        await next.close();
      }
    });

    it('takes an address that was given up last of all', async () => {
      const old = await driver.createSandbox(sandboxConfig('old'));
      await driver.removeSandbox('old');
      expect((await driver.createSandbox(sandboxConfig('young'))).ipv4Address).not.toBe(old.ipv4Address);
    });

    it('leaves nothing behind', async () => {
      const { ipv4Address } = await driver.createSandbox(sandboxConfig('gone'));
      await driver.removeSandbox('gone');
      expect(await cables()).not.toContain(vethOf(ipv4Address));
      const mine = addressesOf((await driver.recover()).flatMap((each) => each.sandbox ?? []));
      expect(mine.length).toBeGreaterThan(3);
      await driver.clean();
      const left = await cables();
      for (const address of mine) expect(left).not.toContain(vethOf(address));
      const engine = connectEngine(process.env.DOCKER_HOST);
      const networks = await engine.docker.listNetworks({ filters: { label: [`longshore=${owner}`] } });
      engine.close();
      expect(networks).toEqual([]);
    });
  });

  it('a range that is full is a clear error, and has room again later', async () => {
    const { networkRange, create } = installation(29);
    const driver = create('direct');
    await driver.open();
    try {
      const ids = ['a', 'b', 'c', 'd', 'e'];
      await Promise.all(ids.map((id) => driver.createSandbox(sandboxConfig(id))));
      const error = await expectKind(driver.createSandbox(sandboxConfig('f')), 'create');
      expect(error.message).toContain(networkRange.subnet);
      expect((await driver.recover()).filter(({ sandbox }) => sandbox)).toHaveLength(5);
      // Full as it is, the next process opens and goes on.
      const next = create('direct');
      await next.open();
      const slow = (await next.capabilities()).limitations.filter((each) => each.includes('half the speed'));
      expect(slow).toHaveLength(directMissing ? 1 : 0);
      await next.removeSandbox('c');
      await next.close();
      // The other process removed it: only the engine knows.
      await driver.createSandbox(sandboxConfig('f'));
    } finally {
      await driver.clean();
      await driver.close();
    }
  });

  it('sandboxes of both ways share a range', async () => {
    const { create } = installation();
    const [direct, byEngine] = [create('direct'), create('engine', 1)];
    try {
      await direct.open();
      const first = await direct.createSandbox(sandboxConfig('first'));
      await byEngine.open();
      expect((await byEngine.recover())[0]?.sandbox).toEqual(first);
      const second = await byEngine.createSandbox(sandboxConfig('second'));
      expect(second.ipv4Address).not.toBe(first.ipv4Address);
      expect(await answer(byEngine, 'second', `ping -c 1 ${first.ipv4Address}`)).toContain(' 0% packet loss');
      const again = create('direct');
      await again.open();
      expect(await again.recover()).toHaveLength(2);
      const third = await again.createSandbox(sandboxConfig('third'));
      expect(distinct(addressesOf([first, second, third]))).toBe(3);
      await again.close();
    } finally {
      await direct.clean();
      await Promise.all([direct.close(), byEngine.close()]);
    }
  });

  describe('connected directly', () => {
    const { owner, create } = installation();
    let driver: Driver;
    const engine = connectEngine(process.env.DOCKER_HOST);
    const bridgeOf = async (network: string) =>
      (await engine.docker.getNetwork(network).inspect()).Options?.['com.docker.network.bridge.name'] as string;
    const inspect = (id: string) => engine.docker.getContainer(`longshore-${owner}-${id}`).inspect();

    beforeAll(async () => {
      driver = create('direct', 1);
      await driver.open();
    });
    afterAll(async () => {
      await driver.clean();
      await driver.close();
      engine.close();
    });

    it('a sandbox is held by a program that can do nothing', async ({ skip }) => {
      if (directMissing) return skip(directMissing);
      await driver.createSandbox(sandboxConfig('held'));
      const { State, HostConfig } = await inspect('held');
      expect(HostConfig).toMatchObject({ CapAdd: ['SYS_ADMIN'], CapDrop: ['ALL'], ReadonlyRootfs: true });
      const status = await readFile(`/proc/${State.Pid}/status`, 'utf8');
      expect(status).toMatch(/^CapEff:\s+0+$/m);
      expect(status).toMatch(/^CapPrm:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(status).toMatch(/^Seccomp:\s+2$/m);
      expect(await readlink(`/proc/${State.Pid}/ns/net`)).not.toBe(await readlink('/proc/self/ns/net'));
    });

    it('one that was made half is finished when it is asked for again', async ({ skip }) => {
      if (directMissing) return skip(directMissing);
      const config = sandboxConfig('half', { sysctls: { 'net.core.somaxconn': '88' } });
      const made = await driver.createSandbox(config);
      // Its process runs, and nothing of its network is there.
      await run('ip', ['link', 'delete', vethOf(made.ipv4Address)]);
      const next = create('direct');
      await next.open();
      const found = (await next.recover()).find(({ id }) => id === 'half');
      expect(found).toMatchObject({ sandbox: undefined });
      expect(await next.createSandbox(config)).toEqual(made);
      expect(await answer(next, 'half', `ping -c 1 ${made.gateway}`)).toContain(' 0% packet loss');
      // Its process ended, as after a restart of the engine.
      await engine.docker.getContainer(`longshore-${owner}-half`).kill();
      expect(await next.createSandbox(config)).toEqual(made);
      expect(await answer(next, 'half', 'cat /proc/sys/net/core/somaxconn')).toBe('88');
      await next.close();
    });

    it('an address that somebody else has is left alone', async ({ skip }) => {
      if (directMissing) return skip(directMissing);
      const drivers = [create('direct'), create('direct')];
      await Promise.all(drivers.map((each) => each.open()));
      // Neither knows of the other, so that both go through the same addresses.
      const made = await Promise.all(
        drivers.flatMap((each, at) =>
          [1, 2, 3, 4].map(async (index) => await each.createSandbox(sandboxConfig(`own-${at}-${index}`))),
        ),
      );
      expect(distinct(addressesOf(made))).toBe(made.length);
      const pings = made.map(({ ipv4Address }) => `ping -c 1 -W 5 ${ipv4Address} || echo FAILED`).join('; ');
      expect(await answer(driver, 'own-1-4', pings)).not.toContain('FAILED');
      await Promise.all(drivers.map((each) => each.close()));
    });

    it.each([
      // What `docker network prune` does: no container of the engine's is on it.
      ['network', () => engine.docker.getNetwork(`longshore-${owner}`).remove()],
      ['bridge', async () => await run('ip', ['link', 'delete', await bridgeOf(`longshore-${owner}`)])],
    ])('outlives the removal of its %s', async (what, remove) => {
      if (directMissing) return;
      const before = await driver.createSandbox(sandboxConfig(`before-${what}`));
      await remove();
      const sysctls = { 'net.core.somaxconn': '9' };
      const after = await driver.createSandbox(sandboxConfig(`after-${what}`, { sysctls }));
      const ping = (address: string) => `ping -c 1 ${address}`;
      expect(await answer(driver, after.id, ping(before.ipv4Address))).toContain(' 0% packet loss');
      expect(await answer(driver, before.id, ping(after.gateway))).toContain(' 0% packet loss');
    });
  });
});
