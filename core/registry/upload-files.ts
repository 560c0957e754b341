/** Uploads of the blob folder: a file for each. Its size is how far the upload has come, also after a restart. */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { makeFolder, orAbsent, syncFolder, writeWhole } from '../durable-file.ts';
import { AppendError, type AppendOptions, type BlobStore, DigestError } from './blob-store.ts';
import type { Digest } from './digest.ts';

/** Bytes gathered before they are written. */
const writeSize = 2 ** 20;
/** Bytes after which the disk begins to write while more come. */
const flushEvery = 64 * 2 ** 20;
/** Uploads whose hash is kept; others are read again when they are finished. */
const mostHashes = 1000;

/** What of an upload has been hashed so far. */
interface Progress {
  readonly hash: Hash;
  size: number;
}

export interface UploadFiles
  extends Pick<BlobStore, 'createUpload' | 'uploadSize' | 'append' | 'discardUpload' | 'listUploads'> {
  /** Has a complete upload's file taken away. @throws DigestError, and the upload is gone */
  finish(id: string, digest: Digest, take: (path: string) => Promise<void>): Promise<void>;
}

export async function createUploadFiles(folder: string): Promise<UploadFiles> {
  await makeFolder(folder);
  const progress = new Map<string, Progress>();
  const working = new Map<string, { readonly stop: AbortController; readonly ended: Promise<unknown> }>();

  const pathOf = (id: string) => {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw new AppendError('unknown', 0);
    return join(folder, id);
  };
  const sizeOf = async (id: string) => (await orAbsent(stat(pathOf(id))))?.size;

  function hashOf(id: string, size: number): Progress | undefined {
    const known = progress.get(id);
    if (known?.size === size) return known;
    progress.delete(id);
    if (size > 0) return undefined;
    const fresh = { hash: createHash('sha256'), size: 0 };
    if (progress.size >= mostHashes) progress.delete(progress.keys().next().value ?? '');
    progress.set(id, fresh);
    return fresh;
  }

  async function write(id: string, source: AsyncIterable<Uint8Array>, options: AppendOptions): Promise<number> {
    const file = await orAbsent(open(pathOf(id), 'r+'));
    if (!file) throw new AppendError('unknown', 0);
    try {
      const { size } = await file.stat();
      if (options.from !== undefined && options.from !== size) throw new AppendError('offset', size);
      const most = Math.min(options.most ?? Number.POSITIVE_INFINITY, options.length ?? Number.POSITIVE_INFINITY);
      const given = await copy(source, file, size, most, hashOf(id, size));
      if (given <= most && (options.length ?? given) === given) return size + given;
      progress.delete(id);
      await file.truncate(size);
      throw new AppendError('length', size);
    } finally {
      await file.close();
    }
  }

  async function hashAgain(id: string): Promise<Hash> {
    const hash = createHash('sha256');
    const file = await open(pathOf(id), 'r');
    for await (const chunk of file.createReadStream({ highWaterMark: writeSize })) hash.update(chunk as Buffer);
    return hash;
  }

  /**
   * One thing at a time happens to an upload, and nothing may write to a file that is becoming a blob. A client that
   * sends again has lost the connection that is still open here: what can be stopped makes room for what comes.
   */
  async function alone<Result>(
    id: string,
    work: () => Promise<Result>,
    stop: AbortController = new AbortController(),
  ): Promise<Result> {
    for (let other = working.get(id); other; other = working.get(id)) {
      other.stop.abort();
      await other.ended;
    }
    const result = work();
    const own = { stop, ended: result.catch(() => {}) };
    working.set(id, own);
    try {
      return await result;
    } finally {
      working.delete(id);
    }
  }

  /** @throws DigestError, and the upload is gone */
  async function prove(id: string, digest: Digest): Promise<void> {
    const size = await sizeOf(id);
    if (size === undefined) throw new AppendError('unknown', 0);
    const { hash } = hashOf(id, size) ?? { hash: await hashAgain(id) };
    progress.delete(id);
    const actual: Digest = `sha256:${hash.digest('hex')}`;
    if (actual !== digest) {
      await rm(pathOf(id), { force: true });
      throw new DigestError(actual);
    }
    const file = await open(pathOf(id), 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  return {
    uploadSize: async (id) => (/^[0-9a-f-]{36}$/.test(id) ? await sizeOf(id) : undefined),

    async createUpload(id) {
      await (await open(pathOf(id), 'wx', 0o600)).close();
      await syncFolder(folder);
    },

    async append(id, source, options) {
      const stop = new AbortController();
      const receive = async () => {
        if (source instanceof Readable) addAbortSignal(stop.signal, source);
        // One that gives too much is for its owner to read to the end.
        const chunks = source instanceof Readable ? source.iterator({ destroyOnReturn: false }) : source;
        return await write(id, chunks as AsyncIterable<Uint8Array>, options);
      };
      return await alone(id, receive, stop);
    },

    finish: async (id, digest, take) =>
      await alone(id, async () => {
        await prove(id, digest);
        await take(pathOf(id));
      }),

    discardUpload: async (id) =>
      await alone(id, async () => {
        progress.delete(id);
        await rm(pathOf(id), { force: true });
      }),

    async *listUploads() {
      for (const id of await readdir(folder)) {
        const facts = await orAbsent(stat(join(folder, id)));
        if (facts) yield { id, changedAt: facts.mtimeMs };
      }
    },
  };
}

/**
 * Hashing and writing go on side by side. What came before the source broke is written too, then the error is thrown.
 * @returns bytes that the source gave; those after `most` are not written
 */
async function copy(
  source: AsyncIterable<Uint8Array>,
  file: FileHandle,
  from: number,
  most: number,
  progress: Progress | undefined,
): Promise<number> {
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  let position = from;
  let unflushed = 0;
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async () => {
    await writing;
    const bytes = gathered.length === 1 && gathered[0] ? gathered[0] : Buffer.concat(gathered, gatheredBytes);
    const at = position;
    position += bytes.length;
    unflushed += bytes.length;
    gathered = [];
    gatheredBytes = 0;
    writing = writeWhole(file, bytes, at);
    if (unflushed >= flushEvery) {
      unflushed = 0;
      writing = writing.then(async () => await file.datasync());
    }
    // Whoever waits for it next hears of it.
    writing.catch(() => {});
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
      if (gatheredBytes >= writeSize) await flush();
    }
  } finally {
    if (gatheredBytes > 0) await flush();
    await writing;
    if (position > from) await file.sync();
    if (progress) progress.size = position;
  }
  return given;
}
