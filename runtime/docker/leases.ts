/** Which sandbox has which address. The engine's labels are the truth; this is what the process knows of them. */
import { type Addresses, createAddresses } from '../addresses.ts';
import { DriverError, type NetworkRange } from '../driver.ts';

/** Holders are names of pause containers. */
export interface Leases extends Pick<Addresses, 'contains'> {
  /**
   * A free address. Nothing says that somebody else removed a sandbox, so when all are taken it is looked up who is
   * still there.
   * @throws DriverError kind create when the range is full
   */
  take(holder: string): Promise<string>;
  /** From now on the engine's labels tell of it, or it was released. */
  settled(address: string): void;
  /** Notes one that is in use already. */
  hold(address: string, holder: string): void;
  /** The same sandbox under another name. */
  rename(from: string, to: string): void;
  of(holder: string): string | undefined;
  isTaken(address: string): boolean;
  isFull(): boolean;
  release(holder: string): void;
}

/** `inUse` reads all addresses of this owner from the engine. */
export function createLeases(range: NetworkRange, inUse: () => Promise<ReadonlySet<string>>): Leases {
  const addresses = createAddresses(range);
  const byHolder = new Map<string, string>();
  const unsettled = new Set<string>();

  const give = (holder: string) => {
    const address = addresses.take();
    byHolder.set(holder, address);
    unsettled.add(address);
    return address;
  };

  const releaseAbsent = async () => {
    const before = new Map([...byHolder].map(([holder, address]) => [address, holder]));
    const taken = addresses.taken();
    const used = await inUse();
    for (const address of taken) {
      const holder = before.get(address);
      const changedMeanwhile = holder !== undefined && byHolder.get(holder) !== address;
      if (used.has(address) || unsettled.has(address) || changedMeanwhile) continue;
      addresses.release(address);
      if (holder !== undefined) byHolder.delete(holder);
    }
  };

  return {
    async take(holder) {
      try {
        return give(holder);
      } catch (error) {
        if (!(error instanceof DriverError)) throw error;
      }
      await releaseAbsent();
      return give(holder);
    },
    settled: (address) => void unsettled.delete(address),
    hold(address, holder) {
      addresses.hold(address);
      byHolder.set(holder, address);
    },
    rename(from, to) {
      const address = byHolder.get(from);
      if (address === undefined) return;
      byHolder.delete(from);
      byHolder.set(to, address);
    },
    of: (holder) => byHolder.get(holder),
    isTaken: (address) => addresses.taken().includes(address),
    isFull: () => addresses.taken().length === addresses.size,
    release(holder) {
      const address = byHolder.get(holder);
      if (address === undefined) return;
      byHolder.delete(holder);
      unsettled.delete(address);
      addresses.release(address);
    },
    contains: addresses.contains,
  };
}
