/**
 * What keeps the networks of sandboxes apart, as text for nft. The name of a cable says the address of the sandbox at its
 * end, so what each cable may send is written down once for all addresses of the range: nothing has to be added when a
 * sandbox is made, and a cable that is gone matches nothing. Only which group an address is in comes and goes.
 */
import { createHash } from 'node:crypto';
import { allAddresses, macAddressOf } from '../addresses.ts';
import type { HostService, NetworkRange } from '../driver.ts';
import { vethOf } from './veth.ts';

export interface FilterRules {
  /** Name of both tables. */
  readonly table: string;
  readonly bridge: string;
  readonly range: NetworkRange;
  /** Name servers, which may be on this host. */
  readonly resolvers: readonly string[];
  readonly services: readonly HostService[];
  /** Mark of the group by address. */
  readonly groups: ReadonlyMap<string, number>;
}

/** Replaces both tables in one transaction: there is no moment without rules. */
export function filterRules(rules: FilterRules): string {
  return [removal(rules.table), betweenSandboxes(rules), towardsHost(rules)].join('\n');
}

/** Succeeds whether they are there or not. */
export function removal(table: string): string {
  return ['bridge', 'ip'].map((family) => `add table ${family} ${table}\ndelete table ${family} ${table}`).join('\n');
}

/** Before the kernel's own filter for bridges, and before bridged packets are shown to iptables. */
const FIRST = -350;

function betweenSandboxes({ table, range, groups }: FilterRules): string {
  const addresses = allAddresses(range);
  const identities = addresses.map((address) => `"${vethOf(address)}" . ${macAddressOf(address)} . ${address}`);
  return `table bridge ${table} {
  set cables {
    type ifname
    ${elements(addresses.map((address) => `"${vethOf(address)}"`))}
  }
  set identities {
    type ifname . ether_addr . ipv4_addr
    ${elements(identities)}
  }
  map groups {
    type ipv4_addr : mark
    ${elements([...groups].map(([address, mark]) => `${address} : ${mark}`))}
  }
  set members {
    type ipv4_addr . mark
    ${elements([...groups].map(([address, mark]) => `${address} . ${mark}`))}
  }
  chain prerouting {
    type filter hook prerouting priority ${FIRST}; policy accept;
    iifname != @cables accept
    ether type arp iifname . ether saddr . arp saddr ip @identities iifname . arp saddr ether . arp saddr ip @identities accept
    ether type != ip drop
    iifname . ether saddr . ip saddr != @identities drop
    ip daddr { 224.0.0.0/4, 255.255.255.255 } drop
    ip daddr != ${range.subnet} accept
    ip daddr ${range.gateway} accept
    meta mark set ip saddr map @groups
    ip daddr . meta mark @members meta mark set 0 accept
    drop
  }
  chain between {
    type filter hook forward priority ${FIRST}; policy accept;
    iifname @cables ether type ip ip daddr != ${range.subnet} drop
  }
}`;
}

function towardsHost({ table, bridge, range, resolvers, services }: FilterRules): string {
  const ports = [...new Set(services.map(({ port, listensOn = port }) => listensOn))];
  const published = services.flatMap(({ address, port, listensOn = port }) =>
    address === undefined
      ? []
      : [`iifname "${bridge}" ip daddr ${address} tcp dport ${port} dnat to ${range.gateway}:${listensOn}`],
  );
  const refuse = 'reject with icmp type admin-prohibited';
  return `table ip ${table} {
  chain prerouting {
    type nat hook prerouting priority -105; policy accept;
    ${published.join('\n    ')}
  }
  chain input {
    type filter hook input priority -5; policy accept;
    iifname != "${bridge}" accept
    ct state established,related accept
    icmp type echo-request accept
    ${ports.length > 0 ? `ip daddr ${range.gateway} tcp dport { ${ports.join(', ')} } accept` : ''}
    ${resolvers.length > 0 ? `ip daddr { ${resolvers.join(', ')} } meta l4proto { tcp, udp } th dport 53 accept` : ''}
    ${refuse}
  }
  chain forward {
    type filter hook forward priority -5; policy accept;
    iifname "${bridge}" ip daddr 169.254.0.0/16 ${refuse}
  }
}
`;
}

export function admission(table: string, address: string, mark: number): string {
  return `add element bridge ${table} groups { ${address} : ${mark} }; add element bridge ${table} members { ${address} . ${mark} }`;
}

export function dismissal(table: string, address: string, mark: number): string {
  return `delete element bridge ${table} groups { ${address} }; delete element bridge ${table} members { ${address} . ${mark} }`;
}

/** Never 0, which is what packets have that nobody marked. */
export function markOf(group: string): number {
  return createHash('sha256').update(group).digest().readUInt32BE(0) || 1;
}

/** A set without elements must not mention any. */
function elements(all: readonly string[]): string {
  return all.length > 0 ? `elements = { ${all.join(', ')} }` : '';
}
