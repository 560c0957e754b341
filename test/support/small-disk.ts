/** A file system of its own that is soon full. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';

/** Why there can be none; empty: there can. For the names of tests. */
export const noSmallDisk =
  process.platform === 'linux' && process.geteuid?.() === 0
    ? ''
    : ' (skipped: a file system of its own needs Linux and root)';

/** Mounts one of so many MiB on a folder, which it hides. Returns what unmounts it. */
export function mountSmallDisk(folder: string, mebibytes: number): () => void {
  const options = `size=${mebibytes}m,mode=700`;
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`No tmpfs can be mounted: ${stderr}`);
  return () => void spawnSync('umount', ['-l', folder]);
}

/** Writes until there is no room for one more byte. */
export function fillDisk(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (let size = 2 ** 20; size >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(size, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size = Math.floor(size / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}
