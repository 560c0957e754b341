/**
 * How far a container's output has been delivered, in a file that outlives the process. It is written before each
 * delivery and holds the place before and the place after it; which of the two is true, the sink can tell.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Resume } from './lines.ts';

/** A place in a container's output. */
export interface Place {
  readonly resume: Resume;
  /** Timestamp of the event just before it, and how many had that very one. */
  readonly timestamp: number;
  readonly same: number;
  /** Up to this one timestamps may come for the second time, because the clock was set back. */
  readonly again: number;
}

export interface Delivery {
  readonly before: Place;
  readonly after: Place;
  /** Timestamps of its first and its last event. */
  readonly first: number;
  readonly last: number;
  /** Events with timestamps between these that had arrived before it was made. */
  readonly already: number;
}

export const start: Place = { resume: {}, timestamp: 0, same: 0, again: 0 };

export interface Cursor {
  /** The newest delivery that was begun; undefined: none was. */
  read(): Promise<Delivery | undefined>;
  write(delivery: Delivery): Promise<void>;
}

/** @param folder holds a folder for each task */
export function openCursor(folder: string, taskId: string, container: string): Cursor {
  const path = join(folder, taskId, `${container}.json`);
  return {
    async read() {
      try {
        return JSON.parse(await readFile(path, 'utf8')) as Delivery;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async write(delivery) {
      const temporary = `${path}.new`;
      const text = JSON.stringify(delivery);
      try {
        await writeFile(temporary, text, { mode: 0o600 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeFile(temporary, text, { mode: 0o600 });
      }
      await rename(temporary, path);
    },
  };
}

/** A key that is the task's own, made when it is first asked for. */
export async function readOrMakeKey(folder: string, taskId: string): Promise<string> {
  const path = join(folder, taskId, 'router.key');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, randomBytes(24).toString('hex'), { flag: 'wx', mode: 0o600 }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    },
  );
  return await readFile(path, 'utf8');
}

/** Once the task's output is gone, nobody needs to know how much of it was delivered. */
export async function forgetCursors(folder: string, taskId: string): Promise<void> {
  await rm(join(folder, taskId), { recursive: true, force: true });
}

/** Forgets tasks that are no longer here. */
export async function keepCursors(folder: string, taskIds: ReadonlySet<string>): Promise<void> {
  const known = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  await Promise.all(known.filter((id) => !taskIds.has(id)).map(async (id) => await forgetCursors(folder, id)));
}
