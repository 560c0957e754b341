/**
 * The bridge that machines are on. What a machine may send and reach is decided by the same packet filter as for
 * containers: a machine's device is named after its address as a container's cable is.
 */
import { createHash, randomInt } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { BlockList } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { namesOf } from '../docker/names.ts';
import { runNft } from '../docker/nft.ts';
import { openPacketFilter, type PacketFilter, removeFilter } from '../docker/packet-filter.ts';
import { vethOf } from '../docker/veth.ts';
import { DriverError, type NetworkRange } from '../driver.ts';
import type { Log } from '../log.ts';
import { hostRoutes } from '../routes.ts';
import { runProgram } from './commands.ts';
import { uplinkBridges } from './host-bridges.ts';
import { isThere } from './is-there.ts';

export interface MachineNetwork {
  readonly bridge: string;
  readonly filter: PacketFilter;
  /** Name of the network device of the machine with this address. At most 15 characters, which the kernel allows. */
  tapOf(address: string): string;
  /** Leaves everything as it is. */
  close(): void;
}

export interface NetworkOptions {
  readonly owner: string;
  readonly range: NetworkRange;
  /** Group by address, of the machines that are there. */
  readonly groups: ReadonlyMap<string, string | undefined>;
  readonly log: Log;
}

/** How often it is looked whether the rules are still there, milliseconds. */
const CHECK = 30_000;

const nameOf = (owner: string) => createHash('sha256').update(owner).digest('hex').slice(0, 8);
export const bridgeOf = (owner: string): string => `longs-m${nameOf(owner)}`;
const tableOf = (owner: string) => `longshore_nat_${nameOf(owner)}`;

/** Idempotent. @throws DriverError kind engine or network-taken */
export async function openNetwork({ owner, range, groups, log }: NetworkOptions): Promise<MachineNetwork> {
  const bridge = bridgeOf(owner);
  const prefix = range.subnet.split('/')[1];
  if (!(await bridgeExists(bridge))) {
    await runProgram('ip', ['link', 'add', 'name', bridge, 'type', 'bridge']).catch(async (error: unknown) => {
      // Another process of this owner was quicker.
      if (!(await bridgeExists(bridge))) throw error;
    });
  }
  const own = `${range.gateway}/${prefix}`;
  const shown = await runProgram('ip', ['-4', 'address', 'show', 'dev', bridge]);
  await runProgram('ip', ['link', 'set', bridge, 'up']);
  if (!shown.includes(` ${own} `)) {
    await runProgram('ip', ['address', 'flush', 'dev', bridge]);
    await claim(owner, range, own);
  }
  try {
    await forward();
    await writeRules(owner, range, bridge);
    await passEngine('-I', bridge);
    const filter = await openPacketFilter({ names: namesOf(owner), bridge, range, log, groups });
    const timer = setInterval(() => {
      keep().catch((error: unknown) => log.warn({ error }, 'the way out of the machines’ network is not kept'));
    }, CHECK);
    timer.unref();
    return { bridge, filter, tapOf: vethOf, close: () => clearInterval(timer) };
  } catch (error) {
    if (groups.size === 0) await removeNetwork(owner).catch(() => {});
    throw error;
  }

  /** Somebody may have flushed the rules, or started an engine after this worker. */
  async function keep(): Promise<void> {
    await passEngine('-I', bridge);
    const found = await runProgram('nft', ['list', 'chain', 'ip', tableOf(owner), 'postrouting']).catch(() => '');
    if (found !== '') return;
    await writeRules(owner, range, bridge);
    log.warn({ table: tableOf(owner) }, 'the rules for the way out were gone and were made again');
  }
}

/**
 * Of several that want one range at the same time at most one has it: each shows its claim and then looks for others, so
 * that the later one sees the earlier one.
 * @throws DriverError kind network-taken
 */
async function claim(owner: string, range: NetworkRange, address: string): Promise<void> {
  const bridge = bridgeOf(owner);
  const refuse = async () => {
    const other = (await hostRoutes(bridge)).find((route) => overlap(route, range.subnet));
    if (other !== undefined) throw new DriverError('network-taken', `${other} is in use on this host.`);
  };
  try {
    await refuse();
    await runProgram('ip', ['address', 'add', address, 'dev', bridge]);
    await refuse();
  } catch (error) {
    await removeNetwork(owner);
    // Those that met do not meet again.
    await delay(randomInt(500));
    throw error;
  }
}

/** Two ranges overlap when one holds the other's beginning. */
function overlap(one: string, other: string): boolean {
  const holds = (range: string, address: string) => {
    const list = new BlockList();
    const [base = '', prefix] = range.split('/');
    list.addSubnet(base, Number(prefix));
    return list.check(address.split('/')[0] ?? '');
  };
  return holds(one, other) || holds(other, one);
}

/** True when there was something to remove. */
export async function removeNetwork(owner: string): Promise<boolean> {
  const bridge = bridgeOf(owner);
  const there = await bridgeExists(bridge);
  // First what rules are about: should one of the programs for them fail, it is gone all the same.
  if (there) await runProgram('ip', ['link', 'delete', bridge]);
  await removeFilter(namesOf(owner));
  await runNft(removal(owner));
  await passEngine('-D', bridge);
  return there;
}

async function bridgeExists(bridge: string): Promise<boolean> {
  return await isThere(`/sys/class/net/${bridge}/bridge`);
}

async function forward(): Promise<void> {
  const file = '/proc/sys/net/ipv4/ip_forward';
  if ((await readFile(file, 'utf8')).trim() !== '1') await writeFile(file, '1');
}

/**
 * What leaves the host carries the host's address. What else runs on the host behind a bridge, containers of others and
 * other installations' tasks, is not reached, and does not reach machines.
 */
async function writeRules(owner: string, { subnet }: NetworkRange, bridge: string): Promise<void> {
  const uplinks = (await uplinkBridges()).map((name) => `"${name}"`).join(', ');
  const inner = (side: 'iif' | 'oif') =>
    `meta ${side}kind "bridge" ${side}name != { ${[`"${bridge}"`, uplinks].filter(Boolean).join(', ')} }`;
  const refuse = 'reject with icmp type admin-prohibited';
  const rules = `${removal(owner)}table ip ${tableOf(owner)} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${subnet} oifname != "${bridge}" masquerade
  }
  chain forward {
    type filter hook forward priority -5; policy accept;
    iifname "${bridge}" ${inner('oif')} ${refuse}
    oifname "${bridge}" ${inner('iif')} ${refuse}
  }
}
`;
  const failed = await runNft(rules);
  if (failed !== undefined) throw new DriverError('engine', `nft: ${failed.split('\n')[0]}`);
}

/** What is not there cannot be deleted, so it is made first. */
function removal(owner: string): string {
  return `table ip ${tableOf(owner)}\ndelete table ip ${tableOf(owner)}\n`;
}

/** A Docker Engine on the same host drops what it does not know, and offers a chain for exceptions. */
async function passEngine(verb: '-I' | '-D', bridge: string): Promise<void> {
  for (const side of ['-i', '-o']) {
    const rule = ['DOCKER-USER', side, bridge, '-j', 'ACCEPT'];
    const there = await runProgram('iptables', ['-C', ...rule]).then(
      () => true,
      () => false,
    );
    if (there === (verb === '-D')) await runProgram('iptables', [verb, ...rule]).catch(ignoreAbsent);
  }
}

function ignoreAbsent(error: unknown): void {
  const harmless = /No such file|not installed|No chain|does not exist|Could not process rule/;
  if (!(error instanceof DriverError) || !harmless.test(error.message)) throw error;
}
