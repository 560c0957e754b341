/** The worker's own part of the task network: no two workers' tasks share an address, on one host or many. */
import { formatAddress, formatRange, overlap, parseRange, part, partsOf, size } from '../core/ipv4.ts';
import type { Settings } from '../core/settings.ts';
import type { Store } from '../core/store/store.ts';

export interface NetworkRange {
  /** For example `10.213.4.0/22`. */
  readonly subnet: string;
  /** First address of the range. */
  readonly gateway: string;
  /** Addresses for tasks: all but the network's, the gateway's and the broadcast address. */
  readonly addresses: number;
}

/**
 * Leases a part of `settings.network` that nothing else on this host uses.
 * @param occupied ranges that other networks and routes of the host have
 * @throws Error when none is free
 */
export async function leaseNetworkRange(
  store: Store,
  settings: Pick<Settings, 'network' | 'networkPrefix' | 'workerName'>,
  occupied: readonly string[],
): Promise<NetworkRange> {
  const whole = parseRange(settings.network);
  const parts = partsOf(whole, settings.networkPrefix);
  const others = occupied.map(parseRange);
  const taken = Array.from({ length: parts }, (_, index) => index).filter((index) =>
    others.some((other) => overlap(other, part(whole, settings.networkPrefix, index))),
  );
  const index = await store.workers.leaseNetworkRange(settings.workerName, parts, taken);
  if (index === undefined) {
    throw new Error(
      `No part of ${settings.network} is free for worker ${settings.workerName}; set LONGSHORE_NETWORK to a range that this host does not use.`,
    );
  }
  const range = part(whole, settings.networkPrefix, index);
  return {
    subnet: formatRange(range),
    gateway: formatAddress(range.first + 1),
    addresses: size(settings.networkPrefix) - 3,
  };
}
