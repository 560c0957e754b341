/**
 * The bridge that machines are on. Rules of the kernel's packet filter let a machine speak with its own address only,
 * and translate what leaves the host. Everything carries the owner's name, so that `remove` finds it.
 */
import { createHash } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { type Addresses, macAddressOf } from '../addresses.ts';
import { DriverError, type NetworkRange } from '../driver.ts';
import { runProgram } from './commands.ts';

export interface MachineNetwork {
  readonly bridge: string;
  /** Name of the network device of the machine with this address. At most 15 characters, which the kernel allows. */
  tapOf(address: string): string;
}

const nameOf = (owner: string) => createHash('sha256').update(owner).digest('hex').slice(0, 8);
export const bridgeOf = (owner: string): string => `longs-m${nameOf(owner)}`;
const tableOf = (owner: string) => `longshore_${nameOf(owner)}`;

export function tapOf(address: string): string {
  const hex = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return `longs-t${hex.join('')}`;
}

/** Idempotent. @throws DriverError kind engine */
export async function ensureNetwork(
  owner: string,
  range: NetworkRange,
  addresses: Pick<Addresses, 'all'>,
): Promise<MachineNetwork> {
  const bridge = bridgeOf(owner);
  const prefix = range.subnet.split('/')[1];
  if (!(await bridgeExists(bridge))) {
    await runProgram('ip', ['link', 'add', 'name', bridge, 'type', 'bridge']).catch(async (error: unknown) => {
      // Another process of this owner was quicker.
      if (!(await bridgeExists(bridge))) throw error;
    });
  }
  await runProgram('ip', ['address', 'flush', 'dev', bridge]);
  await runProgram('ip', ['address', 'add', `${range.gateway}/${prefix}`, 'dev', bridge]);
  await runProgram('ip', ['link', 'set', bridge, 'up']);
  await forward();
  await loadRules(owner, range, bridge, addresses.all());
  await passEngine('-I', bridge);
  return { bridge, tapOf };
}

/** True when there was something to remove. */
export async function removeNetwork(owner: string): Promise<boolean> {
  const bridge = bridgeOf(owner);
  const tables = ['bridge', 'ip'].map((family) => `${family} ${tableOf(owner)}`);
  // One that is not there cannot be deleted, so each is made first.
  const input = tables.map((table) => `table ${table}\ndelete table ${table}\n`).join('');
  await runProgram('nft', ['-f', '-'], { input }).catch(ignoreAbsent);
  await passEngine('-D', bridge);
  if (!(await bridgeExists(bridge))) return false;
  await runProgram('ip', ['link', 'delete', bridge]);
  return true;
}

async function bridgeExists(bridge: string): Promise<boolean> {
  return await access(`/sys/class/net/${bridge}/bridge`).then(
    () => true,
    () => false,
  );
}

async function forward(): Promise<void> {
  const file = '/proc/sys/net/ipv4/ip_forward';
  if ((await readFile(file, 'utf8')).trim() !== '1') await writeFile(file, '1');
}

/** A machine's device, hardware address and address belong together; what says otherwise is dropped, as is IPv6. */
async function loadRules(
  owner: string,
  { subnet }: NetworkRange,
  bridge: string,
  addresses: readonly string[],
): Promise<void> {
  const table = tableOf(owner);
  const triples = addresses.map((address) => `"${tapOf(address)}" . ${macAddressOf(address)} . ${address}`);
  const taps = addresses.map((address) => `"${tapOf(address)}"`);
  const rules = `
table bridge ${table}
delete table bridge ${table}
table bridge ${table} {
  set taps { type ifname; elements = { ${taps.join(', ')} } }
  set own { type ifname . ether_addr . ipv4_addr; elements = { ${triples.join(', ')} } }
  chain from_machine {
    ether type ip iifname . ether saddr . ip saddr @own accept
    ether type arp iifname . ether saddr . arp saddr ip @own iifname . arp saddr ether . arp saddr ip @own accept
    drop
  }
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifname @taps jump from_machine
  }
}
table ip ${table}
delete table ip ${table}
table ip ${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${subnet} oifname != "${bridge}" masquerade
  }
}
`;
  await runProgram('nft', ['-f', '-'], { input: rules });
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
