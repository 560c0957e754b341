/** Drafts that a process left unfinished, in folders that installations share. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Milliseconds after which nobody can still be at work on one. */
const WORK_TIME = 24 * 3_600_000;

/** Removes those whose names match and that nobody has touched for a day. */
export async function removeStale(folder: string, name: RegExp): Promise<void> {
  const names = (await readdir(folder).catch(() => [])).filter((each) => name.test(each));
  for (const each of names) {
    const info = await stat(join(folder, each)).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > WORK_TIME) await rm(join(folder, each), { recursive: true, force: true });
  }
}
