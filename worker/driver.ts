/** Builds the runtime driver that the settings name: the only place that knows which there are. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Settings } from '../core/settings.ts';
import type { Driver } from '../runtime/driver.ts';

export interface DriverOptions {
  /** Installation id: the label of everything that is made on this host. */
  readonly owner: string;
  readonly networkRange: { readonly subnet: string; readonly gateway: string };
  readonly log: Logger;
}

type DriverSettings = Pick<Settings, 'runtime' | 'dockerHost' | 'warmPool' | 'dataDir' | 'microvmCache' | 'imageCache'>;

/** Not opened yet. Drivers are loaded when they are used: some are heavy. */
export async function createDriver(settings: DriverSettings, options: DriverOptions): Promise<Driver> {
  switch (settings.runtime) {
    case 'docker': {
      const { createDockerDriver } = await import('../runtime/docker/driver.ts');
      return createDockerDriver({
        ...options,
        ...(settings.dockerHost === undefined ? {} : { dockerHost: settings.dockerHost }),
        warmPool: settings.warmPool,
        stateDir: join(settings.dataDir, 'runtime'),
        keepOut: [settings.dataDir],
      });
    }
    case 'fake': {
      const { createFakeDriver } = await import('../runtime/fake/driver.ts');
      const folder = join(settings.dataDir, 'runtime');
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return createFakeDriver({ networkRange: options.networkRange, stateFile: join(folder, 'fake.jsonl') });
    }
    case 'microvm': {
      const { createMicrovmDriver } = await import('../runtime/microvm/driver.ts');
      return createMicrovmDriver({
        ...options,
        ...(settings.dockerHost === undefined ? {} : { dockerHost: settings.dockerHost }),
        warmPool: settings.warmPool,
        stateDir: join(settings.dataDir, 'runtime'),
        cacheDir: settings.microvmCache,
        keepOut: [settings.dataDir],
        imageCacheLimit: settings.imageCache * 2 ** 30,
      });
    }
  }
}

/** Ranges on this host that a worker of this installation must not lease. */
export async function occupiedRanges(settings: DriverSettings, owner: string): Promise<readonly string[]> {
  if (settings.runtime === 'fake') return [];
  if (settings.runtime === 'microvm') {
    const [{ hostRoutes }, { bridgeOf }] = await Promise.all([
      import('../runtime/routes.ts'),
      import('../runtime/microvm/network.ts'),
    ]);
    return await hostRoutes(bridgeOf(owner));
  }
  const { occupiedSubnets } = await import('../runtime/docker/network.ts');
  return await occupiedSubnets({
    owner,
    ...(settings.dockerHost === undefined ? {} : { dockerHost: settings.dockerHost }),
  });
}
