/**
 * Sandboxes that we connect ourselves. A pause container that is started in the network of the host needs none of the
 * engine's slow preparations; its program leaves for a namespace of its own at once, which we put on the bridge of the
 * engine's network, whose rules for masquerading and forwarding hold for it like for the engine's own containers.
 */
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { hostnameOf, macAddressOf } from '../addresses.ts';
import { DriverError } from '../driver.ts';
import { readResolvers } from '../resolvers.ts';
import type { Context } from './context.ts';
import { ensureNetwork } from './network.ts';
import type { SandboxNetwork, StartedPause } from './sandbox-network.ts';
import {
  bridgeExists,
  cableCounters,
  connectCable,
  cutCable,
  exists,
  isConnected,
  isOnBridge,
  listCables,
  moveCable,
  openCableShell,
} from './veth.ts';

/** What the engine sets in a namespace that it makes: no IPv6; any port and ping for users other than root. */
const defaults: Readonly<Record<string, string>> = {
  'net/ipv6/conf/all/disable_ipv6': '1',
  'net/ipv6/conf/default/disable_ipv6': '1',
  'net/ipv4/ip_unprivileged_port_start': '0',
  'net/ipv4/ping_group_range': '0 2147483647',
};

/** How often a bridge that somebody removed is looked for, milliseconds. */
const CHECK = 5000;

type Needs = Pick<Context, 'engine' | 'names' | 'range' | 'leases' | 'log'>;

export async function directNetwork(context: Needs, bridge: string): Promise<SandboxNetwork> {
  const { range, log, leases, names } = context;
  const prefixLength = Number(range.subnet.split('/')[1]);
  const known = await Promise.all(
    Object.entries(defaults).map(async (entry) => ((await exists(`/proc/sys/${entry[0]}`)) ? [entry] : [])),
  );
  const present = Object.fromEntries(known.flat());
  const shell = openCableShell();
  let mending: Promise<string> | undefined;

  /** The bridge: no endpoint of the engine keeps its network in use, so that `docker network prune` removes it. */
  const mended = async () => {
    if (await bridgeExists(bridge)) return bridge;
    mending ??= restoreBridge(context).finally(() => {
      mending = undefined;
    });
    return mending;
  };
  const timer = setInterval(() => {
    mended().catch((error: unknown) => log.warn({ error }, 'the bridge of the sandboxes is gone'));
  }, CHECK);
  timer.unref();

  return {
    configure: async (address) => ({
      // Any argument makes the program leave the host's network.
      Cmd: ['unshare'],
      HostConfig: {
        NetworkMode: 'host',
        CapAdd: ['SYS_ADMIN'],
        Dns: [...(await readResolvers())],
        // With an entry of its own the engine makes a fresh file instead of a copy of the host's.
        ExtraHosts: [`${hostnameOf(address)}:${address}`],
      },
    }),
    async attach(pause, sysctls) {
      const namespace = await openNamespace(pause);
      try {
        await connectCable(shell, namespace, {
          address: pause.address,
          prefixLength,
          gateway: range.gateway,
          bridge: await mended(),
          again: pause.again,
          defaults: present,
          sysctls,
        });
      } finally {
        await namespace.close();
      }
      return { macAddress: macAddressOf(pause.address) };
    },
    async counters(sandboxId) {
      const address = leases.of(names.sandbox(sandboxId));
      return address === undefined ? undefined : await cableCounters(address);
    },
    async close() {
      clearInterval(timer);
      await mending?.catch(() => {});
      shell.close();
    },
  };
}

/** Makes the network anew and puts the sandboxes that it lost back on it. */
async function restoreBridge({ engine, names, range, leases, log }: Needs): Promise<string> {
  const found = await ensureNetwork(engine, names, range);
  // The engine does not notice when a bridge goes without it.
  if (!(await bridgeExists(found.bridge))) await engine.call((docker) => docker.getNetwork(found.id).remove());
  const { bridge } = await ensureNetwork(engine, names, range);
  await restoreCables(bridge, (address) => leases.contains(address));
  log.warn({ bridge }, 'the bridge of the sandboxes was gone and was made again');
  return bridge;
}

/** After a restart: `before` are the cables that were there before `leases` was filled; those of nobody are removed. */
export async function tidyCables(
  { leases }: Pick<Context, 'leases'>,
  bridge: string,
  before: readonly string[],
): Promise<void> {
  for (const address of before) if (leases.contains(address) && !leases.isTaken(address)) await cutCable(address);
  await restoreCables(bridge, (address) => leases.contains(address));
}

/** Puts finished sandboxes whose bridge went away on this one. */
async function restoreCables(bridge: string, isOurs: (address: string) => boolean): Promise<void> {
  for (const address of (await listCables()).filter(isOurs))
    if ((await isConnected(address)) && !(await isOnBridge(address))) await moveCable(address, bridge);
}

/**
 * The namespace that the pause program made, held open. Never the host's own: an error instead.
 * @throws DriverError kind engine
 */
export async function openNamespace({ id, pid }: Pick<StartedPause, 'id' | 'pid'>): Promise<FileHandle> {
  const host = await stat('/proc/self/ns/net');
  for (let pause = 1; pause < 4000; pause *= 2) {
    const namespace = await ifAlive(open(`/proc/${pid}/ns/net`));
    if (!namespace) throw new DriverError('engine', 'The sandbox ended while it was started.');
    const { ino } = await namespace.stat();
    if (ino !== host.ino && (await isProcessOf(id, pid))) return namespace;
    await namespace.close();
    await delay(pause);
  }
  throw new DriverError('engine', 'The sandbox has no network namespace of its own.');
}

/** The engine may mean a process of another pid namespace by the same number. */
async function isProcessOf(containerId: string, pid: number): Promise<boolean> {
  return (await ifAlive(readFile(`/proc/${pid}/cgroup`, 'utf8')))?.includes(containerId) ?? false;
}

async function ifAlive<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
