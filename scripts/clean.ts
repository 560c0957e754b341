/** `longshore clean`: removes from the host what the instance of a data directory made there. */
import { rmSync } from 'node:fs';
import { runtimes } from '../core/runtime-choice.ts';
import type { Settings } from '../core/settings.ts';
import type { CleanReport } from '../runtime/driver.ts';
import { endRedis } from './embedded-redis.ts';
import { Failure } from './failure.ts';
import { hostDriver } from './host-driver.ts';
import { endLeftOver, findRedis, lockDataDirectory, readInstallationId } from './instance.ts';
import { residents } from './residents.ts';

export interface CleanOptions {
  /** Also remove the data directory: keys, state and logs. */
  readonly allData: boolean;
}

/** @throws Failure while an instance runs, or a process of one */
export async function clean(settings: Settings, { allData }: CleanOptions, say: (line: string) => void): Promise<void> {
  const { dataDir } = settings;
  const owner = readInstallationId(dataDir);
  if (owner === undefined) return say(`Nothing was ever started in ${dataDir}: there is nothing to clean.`);
  // Held to the end, so that nothing starts in the middle.
  const lock = lockDataDirectory(dataDir);
  try {
    for (const name of ['api', 'worker'] as const) await endLeftOver(dataDir, name);
    refuseBesideResidents(dataDir);
    const redis = findRedis(dataDir);
    if (redis !== undefined) await endRedis(redis);
    const { containers, networks, cgroups, volumes } = await cleanHost(settings, owner);
    say(`Removed ${containers} containers, ${volumes} volumes, ${networks} networks and ${cgroups} cgroups.`);
  } finally {
    lock.release();
  }
  if (!allData) return;
  rmSync(dataDir, { recursive: true, force: true });
  say(`Removed ${dataDir}.`);
}

/** Processes that run apart hold what would be removed. */
function refuseBesideResidents(dataDir: string): void {
  const [one] = residents(dataDir);
  if (one === undefined) return;
  const who = one.role === 'api' ? 'An API' : `Worker ${one.workerName}`;
  throw new Failure(`${who} (process ${one.pid}) still uses ${dataDir}: stop it first, with \`kill ${one.pid}\`.`);
}

/** What each runtime made: the one of today's settings need not be the only one that was used. */
async function cleanHost(settings: Settings, owner: string): Promise<CleanReport> {
  const total = { containers: 0, networks: 0, cgroups: 0, volumes: 0 };
  for (const runtime of runtimes.filter((one) => one !== 'fake' || settings.runtime === 'fake')) {
    const report = await cleanRuntime({ ...settings, runtime }, owner).catch((error: unknown) => {
      // A host without an engine has nothing of one.
      if (runtime === settings.runtime) throw error;
      return undefined;
    });
    for (const key of Object.keys(total) as (keyof CleanReport)[]) total[key] += report?.[key] ?? 0;
  }
  return total;
}

async function cleanRuntime(settings: Settings, owner: string): Promise<CleanReport> {
  const driver = await hostDriver(settings, owner);
  try {
    return await driver.clean();
  } finally {
    await driver.close();
  }
}
