/**
 * The packet filter of one installation's bridge: kept while there are sandboxes, put back when somebody flushed it. It
 * stays when this process ends, and the next one replaces it with what it knows.
 */
import type { HostService, NetworkRange } from '../driver.ts';
import { DriverError } from '../driver.ts';
import type { Log } from '../log.ts';
import { readResolvers } from '../resolvers.ts';
import { admission, dismissal, filterRules, markOf, removal } from './filter-rules.ts';
import type { Names } from './names.ts';
import { hashOf } from './network.ts';
import { openNft, runNft } from './nft.ts';
import { run } from './veth.ts';

export interface PacketFilter {
  /** Why there is none; undefined: packets are filtered. */
  readonly missing?: string;
  /**
   * Lets a sandbox reach the others of its group; without this it reaches none.
   * @throws DriverError kind engine
   */
  admit(address: string, group: string | undefined): Promise<void>;
  /** The address has no sandbox any more. */
  dismiss(address: string): Promise<void>;
  /** @throws DriverError kind engine */
  offer(services: readonly HostService[]): Promise<void>;
  /** Leaves the rules as they are, unless no sandbox is left. */
  close(): Promise<void>;
}

export interface FilterOptions {
  readonly names: Names;
  readonly bridge: string;
  readonly range: NetworkRange;
  readonly log: Log;
  /** Group by address, of the sandboxes that are there. */
  readonly groups: ReadonlyMap<string, string | undefined>;
}

/** How often it is looked whether the rules are still there, milliseconds. */
const CHECK = 30_000;

export function noFilter(missing: string): PacketFilter {
  const nothing = async () => {};
  return { missing, admit: nothing, dismiss: nothing, offer: nothing, close: nothing };
}

function tableOf(names: Names): string {
  return `longshore_${hashOf(names.owner)}`;
}

/** What this host lacks to filter packets; the kernel is asked without changing anything. */
export async function whyNoFilter(options: Pick<FilterOptions, 'names' | 'range'>): Promise<string | undefined> {
  if ((await run('nft', ['--version'])) !== undefined) return 'the program nft is not there (package nftables)';
  const { range } = options;
  const sample = { table: tableOf(options.names), bridge: 'longs-sample', groups: new Map([[range.gateway, 1]]) };
  const services = [{ address: '169.254.0.1', port: 80, listensOn: 80 }];
  const few = { subnet: range.subnet.replace(/\/\d+$/, '/29'), gateway: range.gateway };
  const refused = await runNft(filterRules({ ...sample, range: few, resolvers: [range.gateway], services }), '--check');
  return refused && `the kernel does not take its rules (${refused.split('\n')[0]})`;
}

/** @throws DriverError kind engine */
export async function openPacketFilter(options: FilterOptions): Promise<PacketFilter> {
  const { names, bridge, range, log } = options;
  const table = tableOf(names);
  const marks = new Map([...options.groups].map(([address, group]) => [address, markOf(group ?? '')]));
  const nft = openNft();
  let services: readonly HostService[] = [];
  let last: Promise<unknown> = Promise.resolve();

  /** One change after the other: each leaves what `marks` says. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };

  const rebuild = async () => {
    const resolvers = await readResolvers();
    const failed = await runNft(filterRules({ table, bridge, range, resolvers, services, groups: marks }));
    if (failed !== undefined) throw new DriverError('engine', `The packet filter could not be set up: ${failed}`);
  };

  const change = async (address: string, mark: number | undefined) => {
    const before = marks.get(address);
    if (before === mark) return;
    if (mark === undefined) marks.delete(address);
    else marks.set(address, mark);
    const commands = [
      ...(before === undefined ? [] : [dismissal(table, address, before)]),
      ...(mark === undefined ? [] : [admission(table, address, mark)]),
    ];
    const failed = await nft.run(commands.join('; '));
    if (failed === undefined) return;
    // Somebody flushed them, or another process of this owner had its hand in.
    log.warn({ failed }, 'the packet filter is not as it was left; making it anew');
    await rebuild();
  };

  const check = async () => {
    const there = await Promise.all(
      ['bridge', 'ip'].map((family) => run('nft', ['list', 'chain', family, table, 'prerouting'])),
    );
    if (there.every((failed) => failed === undefined)) return;
    await rebuild();
    log.warn({ table }, 'the packet filter was gone and was made again');
  };

  await rebuild();
  const timer = setInterval(() => {
    inTurn(check).catch((error: unknown) => log.warn({ error }, 'the packet filter is gone'));
  }, CHECK);
  timer.unref();

  return {
    admit: (address, group) => inTurn(() => change(address, markOf(group ?? ''))),
    dismiss: (address) =>
      inTurn(() => change(address, undefined)).catch((error: unknown) => {
        // It lets nobody in: the address has no sandbox.
        log.warn({ error, address }, 'an address stays in the packet filter');
      }),
    offer: (next) =>
      inTurn(async () => {
        services = next;
        await rebuild();
      }),
    async close() {
      clearInterval(timer);
      await last;
      nft.close();
      if (marks.size === 0) await runNft(removal(table));
    },
  };
}

/** Removes the rules of an owner, where there can be any. */
export async function removeFilter(names: Names): Promise<void> {
  if ((await run('nft', ['--version'])) === undefined) await runNft(removal(tableOf(names)));
}
