/** How much ephemeral storage a worker offers. */
import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Settings } from '../core/settings.ts';

/** Where Docker Engines keep what containers write, unless they are told otherwise. */
const engineRoot = '/var/lib/docker';

/**
 * GiB that placement may hand out, overcommit included; undefined: simulated containers write nothing, so nothing is
 * counted unless the setting says so. What is free is measured once, when the worker starts.
 */
export function offeredDisk(
  settings: Pick<Settings, 'workerDisk' | 'diskOvercommit' | 'runtime' | 'dockerHost' | 'dataDir'>,
  freeGiB: (path: string) => number = freeGiBOf,
): number | undefined {
  const { workerDisk, diskOvercommit, runtime, dockerHost, dataDir } = settings;
  if (workerDisk === undefined && runtime === 'fake') return undefined;
  const isLocal = dockerHost === undefined || dockerHost.startsWith('unix://');
  const path = runtime === 'docker' && isLocal && existsSync(engineRoot) ? engineRoot : dataDir;
  return Math.floor((workerDisk ?? freeGiB(path)) * diskOvercommit);
}

function freeGiBOf(path: string): number {
  if (!existsSync(path) && dirname(path) !== path) return freeGiBOf(dirname(path));
  const { bavail, bsize } = statfsSync(path);
  return (bavail * bsize) / 2 ** 30;
}
