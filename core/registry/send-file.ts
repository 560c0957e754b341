/**
 * A file on its way into a stream. Two buffers are filled and written in turn: new memory for every piece costs more
 * than the file.
 */
import type { FileHandle } from 'node:fs/promises';
import { finished, type Writable } from 'node:stream';
import type { BlobRange } from './blob-store.ts';

/** Bytes read at once. */
const pieceSize = 512 * 2 ** 10;

/**
 * Writes the range and ends the stream; closes the file.
 * @throws when the stream closes before its end, or the file is shorter
 */
export async function sendFile(file: FileHandle, { start, end }: BlobRange, to: Writable): Promise<void> {
  const closed = new Promise<void>((resolve, reject) => {
    finished(to, { readable: false }, (error) => (error ? reject(error) : resolve()));
  });
  closed.catch(() => {});
  try {
    await writePieces(file, { start, end }, to, closed);
    to.end();
    await closed;
  } finally {
    await file.close();
  }
}

async function writePieces(
  file: FileHandle,
  { start, end }: BlobRange,
  to: Writable,
  closed: Promise<void>,
): Promise<void> {
  const size = Math.min(pieceSize, end + 1 - start);
  const buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)];
  const isFree: Promise<void>[] = [];
  for (let [at, turn] = [start, 0]; at <= end; turn ^= 1) {
    // A stream that has closed may never say what became of a write.
    await Promise.race([isFree[turn], closed]);
    const buffer = buffers[turn] as Buffer;
    const { bytesRead } = await file.read(buffer, 0, Math.min(size, end + 1 - at), at);
    if (bytesRead === 0) throw new Error(`The file ends at byte ${at}.`);
    at += bytesRead;
    isFree[turn] = written(to, buffer.subarray(0, bytesRead));
  }
  await Promise.race([Promise.all(isFree), closed]);
}

function written(to: Writable, piece: Uint8Array): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    to.write(piece, (error) => (error ? reject(error) : resolve()));
  });
  // Whoever waits for it hears of it.
  done.catch(() => {});
  return done;
}
