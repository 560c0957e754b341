/**
 * Blobs in a folder:
 *
 *   blobs/sha256/ab/abcd…   whole and proved; never written again
 *   uploads/<id>            grows until it becomes a blob
 *   trash/<hex>.<id>        blobs on their way out, and small ones on their way in
 *
 * Files appear under their name by a rename after their content was synchronised, and the folder after that.
 */
import { createHash, randomUUID } from 'node:crypto';
import { link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { needRoom } from '../disk-room.ts';
import { makeFolder, orAbsent, syncFolder, writeWhole } from '../durable-file.ts';
import type { BlobStore } from './blob-store.ts';
import { type Digest, digestOf, isDigest } from './digest.ts';
import { sendFile } from './send-file.ts';
import { createUploadFiles } from './upload-files.ts';

/** Bytes read from disk at once. */
const readSize = 256 * 2 ** 10;
/** Milliseconds after which a file in the trash was left there by a process that is gone. */
const trashTime = 60_000;

export async function openFolderBlobs(root: string): Promise<BlobStore> {
  const blobs = join(root, 'blobs', 'sha256');
  const trash = join(root, 'trash');
  for (const folder of [blobs, trash]) await makeFolder(folder);
  const uploads = await createUploadFiles(join(root, 'uploads'));
  const pathOf = (digest: Digest) => {
    if (!isDigest(digest)) throw new Error(`${digest} is not a digest.`);
    const hex = digest.slice('sha256:'.length);
    return join(blobs, hex.slice(0, 2), hex);
  };

  const asidePath = (digest: Digest) => join(trash, `${digest.slice('sha256:'.length)}.${randomUUID()}`);

  /** A blob that is there already is the same one. */
  async function place(file: string, digest: Digest): Promise<void> {
    const path = pathOf(digest);
    await makeFolder(dirname(path));
    await rename(file, path);
    await syncFolder(dirname(path));
  }

  return {
    ...uploads,

    size: async (digest) => (await orAbsent(stat(pathOf(digest))))?.size,

    async read(digest, range) {
      const file = await orAbsent(open(pathOf(digest), 'r'));
      return file?.createReadStream({ ...range, highWaterMark: readSize });
    },

    async send(digest, range) {
      const file = await orAbsent(open(pathOf(digest), 'r'));
      if (!file) return undefined;
      const { start, end } = range ?? { start: 0, end: (await file.stat()).size - 1 };
      return async (to) => await sendFile(file, { start, end }, to);
    },

    async write(content) {
      const digest = digestOf(content);
      if ((await orAbsent(stat(pathOf(digest))))?.size === content.length) return digest;
      await needRoom(blobs, content.length);
      const temporary = asidePath(digest);
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await writeWhole(file, content, 0);
          await file.sync();
        } finally {
          await file.close();
        }
        await place(temporary, digest);
        return digest;
      } catch (error) {
        // What a full disk took of it is room for others.
        await rm(temporary, { force: true });
        throw error;
      }
    },

    async remove(digest, confirm) {
      const path = pathOf(digest);
      const aside = asidePath(digest);
      await orAbsent(rename(path, aside));
      // One that came anew meanwhile has the same content.
      if (!(await confirm())) await orAbsent(link(aside, path).catch(unlessThere));
      await rm(aside, { force: true });
      await orAbsent(syncFolder(dirname(path)));
    },

    async recover(isNeeded) {
      for (const name of await readdir(trash)) {
        const facts = await orAbsent(stat(join(trash, name)));
        if (!facts || Date.now() - facts.ctimeMs < trashTime) continue;
        const digest = `sha256:${name.split('.')[0]}`;
        // A small one on its way in may not be whole; a blob is.
        const isWhole = isDigest(digest) && facts.size > 0 && (await holds(join(trash, name), digest));
        if (isWhole && isDigest(digest) && (await isNeeded(digest))) {
          await makeFolder(dirname(pathOf(digest)));
          await link(join(trash, name), pathOf(digest)).catch(unlessThere);
          await syncFolder(dirname(pathOf(digest)));
        }
        await rm(join(trash, name), { force: true });
      }
    },

    async *list() {
      for (const prefix of await readdir(blobs))
        for (const name of await readdir(join(blobs, prefix))) {
          const digest = `sha256:${name}`;
          const facts = isDigest(digest) ? await orAbsent(stat(join(blobs, prefix, name))) : undefined;
          if (facts && isDigest(digest)) yield { digest, changedAt: facts.ctimeMs };
        }
    },

    finish: async (id, digest, size) =>
      await uploads.finish(id, digest, size, async (file) => await place(file, digest)),
  };
}

async function holds(path: string, digest: Digest): Promise<boolean> {
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  for await (const chunk of file.createReadStream({ highWaterMark: readSize })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}` === digest;
}

function unlessThere(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}
