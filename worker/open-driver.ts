/** A driver that is ready, on a part of the task network that is this worker's alone. */
import type { Logger } from 'pino';
import { overlap, parseRange } from '../core/ipv4.ts';
import type { Settings } from '../core/settings.ts';
import type { Store } from '../core/store/store.ts';
import { type Driver, DriverError } from '../runtime/driver.ts';
import { createDriver, occupiedRanges } from './driver.ts';
import { leaseNetworkRange, type NetworkRange } from './network-range.ts';

/** Workers of other instances that may come first on this host, one after another. */
const tries = 10;

/** @throws DriverError, or Error when no range is free */
export async function openDriver(
  store: Store,
  settings: Settings,
  owner: string,
  log: Logger,
): Promise<{ readonly driver: Driver; readonly range: NetworkRange }> {
  for (let tried = 1; ; tried += 1) {
    const range = await leaseNetworkRange(store, settings, await occupiedRanges(settings, owner));
    const driver = await createDriver(settings, { owner, networkRange: range, log });
    try {
      await driver.open();
      return { driver, range };
    } catch (error) {
      await driver.close();
      const taken = error instanceof DriverError && error.kind === 'network-taken';
      if (tried >= tries || !(taken || (await isOccupied(range, settings, owner)))) throw error;
      log.info({ network: range.subnet }, 'another instance took the range meanwhile; choosing another');
    }
  }
}

/** How many sandboxes of this installation are on the host, before a driver is opened. */
export async function countSandboxes(settings: Settings, owner: string, log: Logger): Promise<number> {
  const networkRange = { subnet: settings.network, gateway: settings.network.replace(/\/.*/, '') };
  const driver = await createDriver(settings, { owner, networkRange, log });
  try {
    return (await driver.recover()).length;
  } finally {
    await driver.close();
  }
}

/** True when somebody else came between looking which ranges are free and using one. */
async function isOccupied({ subnet }: NetworkRange, settings: Settings, owner: string): Promise<boolean> {
  const own = parseRange(subnet);
  return (await occupiedRanges(settings, owner)).some((other) => overlap(own, parseRange(other)));
}
