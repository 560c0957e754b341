/**
 * What stays free of a disk under images and logs. Redis, where it is embedded, writes to the same disk: without room it
 * acknowledges nothing, and everything stops.
 */
import { statfs } from 'node:fs/promises';

/** Bytes at most; of a small disk it is a twentieth. */
const largestReserve = 512 * 2 ** 20;

/** @throws Error with the code ENOSPC when so many more bytes would leave too little room on the folder's disk */
export async function needRoom(folder: string, bytes: number): Promise<void> {
  const { bsize, blocks, bavail } = await statfs(folder);
  const reserve = Math.min(largestReserve, (blocks * bsize) / 20);
  if (bavail * bsize - bytes >= reserve) return;
  const free = Math.floor((bavail * bsize) / 2 ** 20);
  const message = `ENOSPC: the last ${free} MiB of the disk under ${folder} are not for images and logs`;
  throw Object.assign(new Error(message), { code: 'ENOSPC' });
}
