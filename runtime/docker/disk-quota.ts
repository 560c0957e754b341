/** Whether the engine's storage can hold a container to a size. */
import { readFile } from 'node:fs/promises';
import type { EngineFacts } from './facts.ts';

export type DiskQuota = { readonly enforced: true } | { readonly enforced: false; readonly reason: string };

type StorageFacts = Pick<EngineFacts, 'sameHost' | 'storage' | 'rootDirectory'>;

/** @param mountsFile of the host that the engine runs on, when that is this one */
export async function readDiskQuota(facts: StorageFacts, mountsFile = '/proc/self/mountinfo'): Promise<DiskQuota> {
  const { driver, backing } = facts.storage;
  const no = (reason: string): DiskQuota => ({ enforced: false, reason });
  if (driver === 'zfs' || driver === 'btrfs') return { enforced: true };
  if (driver !== 'overlay2') return no(`the engine's storage driver ${driver} has no quotas`);
  if (backing !== 'xfs') return no(`the engine keeps overlay2 on ${backing || 'an unknown file system'}, not on xfs`);
  if (!facts.sameHost) return no("the mount options of the engine's disk cannot be seen from here");
  const options = optionsOf(facts.rootDirectory, await readFile(mountsFile, 'utf8'));
  return options.includes('prjquota') || options.includes('pquota')
    ? { enforced: true }
    : no(`the file system of ${facts.rootDirectory} is mounted without pquota`);
}

/** Options of the file system that a path lies on, mountinfo(5). */
export function optionsOf(path: string, mountinfo: string): readonly string[] {
  let best = { place: '', options: [] as readonly string[] };
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , place = '', own = ''] = before.split(' ');
    const [, , superblock = ''] = after.split(' ');
    const holds = place === '/' || path === place || path.startsWith(`${place}/`);
    if (place === '' || !holds || place.length < best.place.length) continue;
    best = { place, options: `${own},${superblock}`.split(',') };
  }
  return best.options;
}
