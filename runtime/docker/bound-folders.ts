/**
 * Folders of the host that are bound to a place of ours while a sandbox uses them. The place is below /run and not in a
 * data directory: it ends with the host's uptime as the mounts do, and nobody removes it together with what is mounted.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DriverError } from '../driver.ts';

const ROOT = '/run/longshore';

export interface BoundFolder {
  readonly owner: string;
  readonly sandboxId: string;
  readonly volume: string;
}

/** The place of a folder that is bound already. */
export async function boundPlace(of: BoundFolder): Promise<string | undefined> {
  const place = placeOf(of);
  return (await isMounted(place)) ? place : undefined;
}

/** Binds an open folder, whatever its path leads to by now. Returns the place. */
export async function bindFolder(of: BoundFolder, folder: FileHandle): Promise<string> {
  const place = placeOf(of);
  await mkdir(place, { recursive: true, mode: 0o700 });
  await run('mount', ['--no-canonicalize', '--bind', '/proc/self/fd/3', place], folder.fd);
  return place;
}

function placeOf({ owner, sandboxId, volume }: BoundFolder): string {
  return join(ROOT, owner, sandboxId, volume);
}

/** Ids of the sandboxes that have any. */
export async function listBoundFolders(owner: string): Promise<readonly string[]> {
  return await namesIn(join(ROOT, owner));
}

/** Returns how many there were. Never removes a file: a folder that is not empty stays, and is told as an error. */
export async function removeBoundFolders(owner: string, sandboxId: string): Promise<number> {
  const home = join(ROOT, owner, sandboxId);
  const volumes = await namesIn(home);
  for (const volume of volumes) {
    const place = join(home, volume);
    if (await isMounted(place)) await run('umount', [place]);
    await removeEmpty(place);
  }
  await removeEmpty(home);
  await removeEmpty(join(ROOT, owner), ['ENOTEMPTY']);
  return volumes.length;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function removeEmpty(folder: string, alsoFine: readonly string[] = []): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code !== 'ENOENT' && !alsoFine.includes(code)) throw error;
  }
}

async function isMounted(place: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  return mounts.split('\n').some((line) => line.split(' ')[4] === place);
}

/** @param descriptor open in the program as number 3 */
async function run(program: string, args: readonly string[], descriptor?: number): Promise<void> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe', ...(descriptor === undefined ? [] : [descriptor])],
  });
  let words = '';
  child.stderr?.on('data', (data: Buffer) => {
    words += data.toString();
  });
  const [code] = (await once(child, 'close').catch((error: unknown) => {
    throw new DriverError('volume', `${program} cannot be run.`, { cause: error });
  })) as [number | null];
  if (code !== 0) throw new DriverError('volume', words.trim().replaceAll(ROOT, '(volumes)') || `${program} failed.`);
}
