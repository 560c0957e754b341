/** Uploads of the blob folder: a file for each. Its size is how far the upload has come, also after a restart. */
import { createHash, type Hash } from 'node:crypto';
import { open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { needRoom } from '../disk-room.ts';
import { makeFolder, orAbsent, syncFolder } from '../durable-file.ts';
import { AppendError, type AppendOptions, type BlobStore, DigestError } from './blob-store.ts';
import type { Digest } from './digest.ts';
import { copy, type Progress } from './upload-copy.ts';

/** Bytes read at once of an upload that is hashed again. */
const readSize = 256 * 2 ** 10;
/** Uploads whose hash is kept; others are read again when they are finished. */
const mostHashes = 1000;

export interface UploadFiles
  extends Pick<BlobStore, 'createUpload' | 'uploadSize' | 'append' | 'discardUpload' | 'listUploads'> {
  /**
   * Has a complete upload's file taken away.
   * @param size bytes of the upload that count; undefined: all
   * @throws DigestError, and the upload is gone
   */
  finish(id: string, digest: Digest, size: number | undefined, take: (path: string) => Promise<void>): Promise<void>;
}

export async function createUploadFiles(folder: string): Promise<UploadFiles> {
  await makeFolder(folder);
  const progress = new Map<string, Progress>();
  const working = new Map<string, { readonly stop: AbortController; readonly ended: Promise<unknown> }>();

  const pathOf = (id: string) => {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw new AppendError('unknown', 0);
    return join(folder, id);
  };
  const room = async (bytes: number) => await needRoom(folder, bytes);
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
      let { size } = await file.stat();
      if (options.replace && options.from !== undefined && options.from < size) {
        size = options.from;
        await file.truncate(size);
      }
      if (options.from !== undefined && options.from !== size) throw new AppendError('offset', size);
      const most = Math.min(options.most ?? Number.POSITIVE_INFINITY, options.length ?? Number.POSITIVE_INFINITY);
      const given = await copy(source, file, size, most, hashOf(id, size), room);
      // Who is told of bytes finds them under the upload's name.
      if (size === 0) await syncFolder(folder);
      if (given <= most && (options.length ?? given) === given) return size + given;
      progress.delete(id);
      await file.truncate(size);
      throw new AppendError('length', size);
    } finally {
      await file.close();
    }
  }

  /** Of an upload that an earlier process left, or that met a broken disk: not all of it needs to be on the disk. */
  async function hashAgain(id: string): Promise<Hash> {
    const hash = createHash('sha256');
    const file = await open(pathOf(id), 'r');
    try {
      await file.sync();
      for await (const chunk of file.createReadStream({ highWaterMark: readSize })) hash.update(chunk as Buffer);
      return hash;
    } finally {
      await file.close();
    }
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
  async function prove(id: string, digest: Digest, counted: number | undefined): Promise<void> {
    let size = await sizeOf(id);
    if (size === undefined) throw new AppendError('unknown', 0);
    if (counted !== undefined && counted < size) {
      size = counted;
      await truncate(pathOf(id), size);
    }
    const { hash } = hashOf(id, size) ?? { hash: await hashAgain(id) };
    progress.delete(id);
    const actual: Digest = `sha256:${hash.digest('hex')}`;
    if (actual !== digest) {
      await rm(pathOf(id), { force: true });
      throw new DigestError(actual);
    }
  }

  return {
    uploadSize: async (id) => (/^[0-9a-f-]{36}$/.test(id) ? await sizeOf(id) : undefined),

    async createUpload(id) {
      await (await open(pathOf(id), 'wx', 0o600)).close();
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

    finish: async (id, digest, size, take) =>
      await alone(id, async () => {
        await prove(id, digest, size);
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
