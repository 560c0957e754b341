/** The way of an upload's bytes to the disk: written and hashed as they come, synchronised before they count. */
import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { writeAll } from '../durable-file.ts';

/** Bytes gathered before they are written. */
const writeSize = 2 ** 20;
/** Pieces gathered at most: a client may send single bytes. */
const writePieces = 256;
/** Bytes after which the disk begins to write while more come, so that little is left to do at the end. */
const flushEvery = 32 * 2 ** 20;

/** What of an upload has been hashed so far, and is on the disk. */
export interface Progress {
  readonly hash: Hash;
  size: number;
}

/**
 * Hashing and writing go on side by side. What came before the source broke is written too, then the error is thrown.
 * @param room throws when the disk has none for so many more bytes
 * @returns bytes that the source gave; those after `most` are not written
 */
export async function copy(
  source: AsyncIterable<Uint8Array>,
  file: FileHandle,
  from: number,
  most: number,
  progress: Progress | undefined,
  room: (bytes: number) => Promise<void>,
): Promise<number> {
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  let position = from;
  let writing: Promise<unknown> = Promise.resolve();
  const disk = diskOf(file);
  const flush = async () => {
    await writing;
    await room(gatheredBytes);
    // As they came: to join them would cost as much as to hash them.
    writing = writeAll(file, gathered, position);
    // Whoever waits for it next hears of it.
    writing.catch(() => {});
    position += gatheredBytes;
    disk.given(gatheredBytes);
    gathered = [];
    gatheredBytes = 0;
  };
  let given = 0;
  // Of a hash that has seen what the disk did not take nothing is known.
  if (progress) progress.size = Number.NaN;
  try {
    for await (const chunk of source) {
      given += chunk.length;
      if (given > most) break;
      progress?.hash.update(chunk);
      gathered.push(chunk);
      gatheredBytes += chunk.length;
      if (gatheredBytes >= writeSize || gathered.length >= writePieces) await flush();
    }
  } finally {
    if (gatheredBytes > 0) await flush();
    await writing;
    if (position > from) await disk.end();
    if (progress) progress.size = position;
  }
  return given;
}

/** Has the disk write while more comes, which waits for it only at the end. */
function diskOf(file: FileHandle) {
  let unflushed = 0;
  let flushing: Promise<unknown> | undefined;
  let failure: unknown;
  return {
    given(bytes: number): void {
      unflushed += bytes;
      if (unflushed < flushEvery || flushing) return;
      unflushed = 0;
      // A disk tells of a failure once.
      const failed = (error: unknown) => {
        failure = error;
      };
      flushing = file.datasync().catch(failed);
      flushing.then(() => {
        flushing = undefined;
      });
    },
    /** Everything written is on the disk. */
    async end(): Promise<void> {
      await flushing;
      if (failure !== undefined) throw failure;
      await file.sync();
    },
  };
}
