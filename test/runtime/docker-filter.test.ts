/** That sandboxes' networks are separate: what one may send, whom it reaches, and what of the host. */
import { execFile } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerDriver } from '../../runtime/docker/driver.ts';
import { connectEngine } from '../../runtime/docker/engine.ts';
import { hashOf } from '../../runtime/docker/network.ts';
import type { Driver, Sandbox, SandboxConfig } from '../../runtime/driver.ts';
import { eventually } from '../support/eventually.ts';
import { engineMissing, makeBusyboxImage, type TestImage } from './images.ts';

const run = promisify(execFile);
const skipReason = await engineMissing();

const link = '169.254.170.2';

describe.skipIf(skipReason)(skipReason ? `filter (skipped: ${skipReason})` : 'filter', () => {
  const owner = `test-${randomUUID().slice(0, 8)}`;
  const prefix = `10.${randomInt(200, 250)}.${randomInt(0, 256)}`;
  const networkRange = { subnet: `${prefix}.0/26`, gateway: `${prefix}.1` };
  const create = (warmPool = 0) =>
    createDockerDriver({ owner, dockerHost: process.env.DOCKER_HOST, networkRange, warmPool });
  const engine = connectEngine(process.env.DOCKER_HOST);
  const servers: Server[] = [];
  let driver: Driver;
  let image: TestImage;
  let missing: string | undefined;

  beforeAll(async () => {
    driver = create();
    await driver.open();
    const { separateNetworks, limitations } = await driver.capabilities();
    missing = separateNetworks ? undefined : limitations.find((each) => each.includes('every service of this host'));
    image = await makeBusyboxImage('longshore-test', randomUUID());
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await driver?.clean();
    await driver?.close();
    engine.close();
    await image?.remove();
  });

  const sandbox = (id: string, more: Partial<SandboxConfig> = {}): Promise<Sandbox> =>
    driver.createSandbox({ id, hostname: id, limits: {}, labels: {}, ...more });

  /** Runs a program as root in a sandbox's network, with more rights than any container has. */
  const inside = async (id: string, ...command: readonly string[]): Promise<string> => {
    const { State } = await engine.docker.getContainer(`longshore-${owner}-${id}`).inspect();
    const { stdout } = await run('nsenter', [`--net=/proc/${State.Pid}/ns/net`, ...command]);
    return stdout;
  };
  const pings = async (id: string, address: string, ...options: readonly string[]) =>
    await inside(id, 'busybox', 'ping', '-c', '1', '-W', '1', ...options, address).then(
      () => true,
      () => false,
    );
  /** Echo requests that came to it so far. */
  const echoes = async (id: string) => {
    const lines = (await inside(id, 'cat', '/proc/net/snmp')).split('\n').filter((line) => line.startsWith('Icmp:'));
    const [names = [], values = []] = lines.map((line) => line.split(' '));
    return Number(values[names.indexOf('InEchos')]);
  };
  const listen = async (host: string, answer: (remote: string) => string): Promise<number> => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(answer(socket.remoteAddress ?? ''));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return (server.address() as { readonly port: number }).port;
  };
  /** What a server says, or how the connection failed. */
  const ask = async (id: string, address: string, port: number) =>
    await inside(id, 'busybox', 'nc', '-w', '2', address, String(port)).catch(
      (error: { readonly stderr: string }) => `failed: ${error.stderr}`,
    );

  it('a sandbox sends from no address but its own', async ({ skip }) => {
    if (missing) return skip(missing);
    const [, victim, target] = await Promise.all([sandbox('thief'), sandbox('victim'), sandbox('target')]);
    expect(await pings('thief', target.ipv4Address)).toBe(true);
    expect(await pings('victim', target.ipv4Address)).toBe(true);
    const before = await echoes('target');
    expect(before).toBe(2);
    await inside('thief', 'ip', 'address', 'add', `${victim.ipv4Address}/26`, 'dev', 'eth0');
    expect(await pings('thief', target.ipv4Address, '-I', victim.ipv4Address)).toBe(false);
    // Known at the gateway, the address stays with its owner, whatever the thief announces.
    expect(await pings('victim', networkRange.gateway)).toBe(true);
    await inside('thief', 'busybox', 'arping', '-U', '-c', '2', '-w', '1', '-I', 'eth0', victim.ipv4Address).catch(
      () => {},
    );
    const neighbour = (await run('ip', ['neigh', 'show', victim.ipv4Address])).stdout;
    expect(neighbour).toContain(victim.macAddress);
    // Nor with the owner's own hardware address.
    await inside('thief', 'ip', 'link', 'set', 'eth0', 'address', victim.macAddress);
    expect(await pings('thief', target.ipv4Address, '-I', victim.ipv4Address)).toBe(false);
    expect(await echoes('target')).toBe(before);
    expect(await pings('victim', target.ipv4Address)).toBe(true);
  });

  it('IPv6 leads nowhere', async ({ skip }) => {
    if (missing) return skip(missing);
    await sandbox('six');
    await inside('six', 'sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=0');
    expect(await pings('six', 'ff02::1%eth0', '-6')).toBe(false);
  });

  it('of the host it reaches what was offered and nothing else', async ({ skip }) => {
    if (missing) return skip(missing);
    const { ipv4Address } = await sandbox('guest');
    const offered = await listen(networkRange.gateway, (remote) => `hello ${remote}`);
    const everywhere = await listen('0.0.0.0', () => 'secret');
    await driver.offer([{ port: offered }, { address: link, port: 80, listensOn: offered }]);
    expect(await ask('guest', networkRange.gateway, offered)).toBe(`hello ${ipv4Address}`);
    expect(await ask('guest', link, 80)).toBe(`hello ${ipv4Address}`);
    const others = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    const addresses = others.filter(({ family, internal }) => family === 'IPv4' && !internal);
    expect(addresses.length).toBeGreaterThan(0);
    for (const { address } of addresses) expect(await ask('guest', address, everywhere)).toMatch(/^failed/);
    for (const [address, port] of [
      [link, 81],
      ['169.254.169.254', 80],
    ] as const)
      expect(await ask('guest', address, port)).toMatch(/^failed: .*(unreachable|No route)/i);
    await driver.offer([]);
    expect(await ask('guest', networkRange.gateway, offered)).toMatch(/^failed/);
    expect(await ask('guest', link, 80)).toMatch(/^failed/);
  });

  it('groups do not reach each other, also after a restart and after the rules were flushed', async ({ skip }) => {
    if (missing) return skip(missing);
    const [red, blue, other] = await Promise.all([
      sandbox('red', { group: 'red' }),
      sandbox('red-2', { group: 'red' }),
      sandbox('none'),
    ]);
    const separate = async () => {
      expect(await pings('red', blue.ipv4Address)).toBe(true);
      expect(await pings('red-2', red.ipv4Address)).toBe(true);
      expect(await pings('none', red.ipv4Address)).toBe(false);
      expect(await pings('red', other.ipv4Address)).toBe(false);
      // By way of the gateway, either.
      expect(await pings('red', networkRange.gateway)).toBe(true);
      await inside('red', 'ip', 'route', 'add', other.ipv4Address, 'via', networkRange.gateway);
      expect(await pings('red', other.ipv4Address)).toBe(false);
      await inside('red', 'ip', 'route', 'delete', other.ipv4Address);
    };
    await separate();
    const next = create();
    await next.open();
    await separate();
    const table = `longshore_${hashOf(owner)}`;
    for (const family of ['bridge', 'ip']) await run('nft', ['delete', 'table', family, table]);
    expect(await pings('red', other.ipv4Address)).toBe(true);
    // The next one finds that they are gone.
    await next.createSandbox({ id: 'late', hostname: 'late', limits: {}, labels: {}, group: 'blue' });
    await next.close();
    await separate();
  });

  it('is gone with the installation', async ({ skip }) => {
    if (missing) return skip(missing);
    const own = `longshore_${hashOf(owner)}`;
    const tables = async () =>
      (await run('nft', ['list', 'tables'])).stdout.split('\n').filter((line) => line.endsWith(own));
    expect(await tables()).toEqual([`table bridge ${own}`, `table ip ${own}`]);
    await driver.clean();
    expect(await tables()).toEqual([]);
    await eventually('nothing to be left', async () => ((await driver.recover()).length === 0 ? true : undefined));
  });
});
