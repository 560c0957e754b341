/** The runtime driver for commands that look at the host or clean it, but run no tasks. */
import { pino } from 'pino';
import type { Settings } from '../core/settings.ts';
import type { Driver } from '../runtime/driver.ts';

/** Not opened, and not to be: it leases no range of addresses. */
export async function hostDriver(settings: Settings, owner: string): Promise<Driver> {
  const { createDriver } = await import('../worker/driver.ts');
  const gateway = settings.network.replace(/\/.*/, '');
  return createDriver(settings, {
    owner,
    networkRange: { subnet: settings.network, gateway },
    log: pino({ level: 'silent' }),
  });
}
