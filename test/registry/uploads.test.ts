/** Uploads of the blob folder: what comes at the same time, and what a full disk does to them. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readlinkSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { AppendError, type BlobRange, type BlobStore } from '../../core/registry/blob-store.ts';
import type { Digest } from '../../core/registry/digest.ts';
import { openFolderBlobs } from '../../core/registry/folder-blobs.ts';
import { mountSmallDisk, noSmallDisk } from '../support/small-disk.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const digestOf = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function* chunksOf(bytes: Buffer, size = 65_536): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function startUpload(blobs: BlobStore, bytes: Buffer): Promise<string> {
  const id = randomUUID();
  await blobs.createUpload(id);
  await blobs.append(id, chunksOf(bytes), {});
  return id;
}

async function contentOf(blobs: BlobStore, digest: Digest): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of (await blobs.read(digest)) ?? []) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

test('what is appended while an upload becomes a blob does not get into it', async () => {
  const blobs = await openFolderBlobs(await temporaryDirectory());
  const bytes = randomBytes(2 ** 20);
  const digest = digestOf(bytes);
  for (let round = 0; round < 20; round += 1) {
    const id = await startUpload(blobs, bytes);
    const finishing = blobs.finish(id, digest);
    const late = Array.from({ length: 3 }, () => blobs.append(id, chunksOf(Buffer.from('poison')), {}));
    const [finished, ...appended] = await Promise.allSettled([finishing, ...late]);
    expect(finished.status).toBe('fulfilled');
    for (const outcome of appended)
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(AppendError) });
    expect(digestOf(await contentOf(blobs, digest))).toBe(digest);
  }
});

test('what is appended before an upload is finished is a part of it', async () => {
  const blobs = await openFolderBlobs(await temporaryDirectory());
  const [first, second] = [randomBytes(3 * 2 ** 20), randomBytes(2 ** 20)];
  const id = await startUpload(blobs, first);
  const appending = blobs.append(id, chunksOf(second), { from: first.length });
  await Promise.all([appending, blobs.finish(id, digestOf(Buffer.concat([first, second])))]);
});

test('a part that was cut off gives way to the next try, and does not count', async () => {
  const blobs = await openFolderBlobs(await temporaryDirectory());
  const bytes = randomBytes(3 * 2 ** 20);
  async function* broken(piece: Buffer) {
    yield* chunksOf(piece);
    throw new Error('cut off');
  }
  const id = await startUpload(blobs, bytes.subarray(0, 2 ** 20));
  const next = { from: 2 ** 20, replace: true };
  await expect(blobs.append(id, broken(randomBytes(2 ** 20)), next)).rejects.toThrow('cut off');
  expect(await blobs.uploadSize(id)).toBe(2 ** 21);
  expect(await blobs.append(id, chunksOf(bytes.subarray(2 ** 20)), next)).toBe(bytes.length);
  await expect(blobs.append(id, broken(randomBytes(1000)), { from: bytes.length })).rejects.toThrow('cut off');
  await blobs.finish(id, digestOf(bytes), bytes.length);
  expect(digestOf(await contentOf(blobs, digestOf(bytes)))).toBe(digestOf(bytes));
});

test('a blob is sent piece by piece, and its file is let go of when the client has gone', async () => {
  const blobs = await openFolderBlobs(await temporaryDirectory());
  const bytes = randomBytes(3 * 2 ** 20 + 7);
  const digest = await blobs.write(bytes);
  const sent = async (range?: BlobRange) => {
    const pieces: Buffer[] = [];
    const write = (piece: Buffer, _encoding: string, done: () => void) => {
      pieces.push(Buffer.from(piece));
      setImmediate(done);
    };
    await (await blobs.send(digest, range))?.(new Writable({ write }));
    return Buffer.concat(pieces);
  };
  expect(digestOf(await sent())).toBe(digest);
  expect((await sent({ start: 5, end: 700_000 })).equals(bytes.subarray(5, 700_001))).toBe(true);
  const gone = new PassThrough();
  const broken = (await blobs.send(digest))?.(gone);
  gone.once('readable', () => gone.destroy());
  await expect(broken).rejects.toThrow();
  const open = readdirSync('/proc/self/fd').map((fd) => existingLink(`/proc/self/fd/${fd}`));
  expect(open.filter((path) => path?.includes(digest.slice('sha256:'.length)))).toEqual([]);
  expect(await blobs.send(digestOf(Buffer.from('absent')))).toBeUndefined();
});

function existingLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

test.skipIf(noSmallDisk !== '')(`images leave room on the disk for others${noSmallDisk}`, async () => {
  const root = await temporaryDirectory();
  onTestFinished(mountSmallDisk(root, 40));
  const blobs = await openFolderBlobs(root);
  const id = await startUpload(blobs, Buffer.alloc(0));
  async function* endless() {
    for (;;) yield randomBytes(2 ** 19);
  }
  await expect(blobs.append(id, endless(), { from: 0 })).rejects.toMatchObject({ code: 'ENOSPC' });
  await expect(blobs.write(randomBytes(2 ** 20))).rejects.toMatchObject({ code: 'ENOSPC' });
  const free = statfsSync(root).bavail * statfsSync(root).bsize;
  expect(free).toBeGreaterThanOrEqual(2 * 2 ** 20);
  expect(free).toBeLessThan(4 * 2 ** 20);
});

test.skipIf(noSmallDisk !== '')(`an upload that met a full disk goes on when there is room${noSmallDisk}`, async () => {
  const root = await temporaryDirectory();
  onTestFinished(mountSmallDisk(root, 4));
  const blobs = await openFolderBlobs(root);
  const bytes = randomBytes(2 ** 20);
  const id = randomUUID();
  await blobs.createUpload(id);
  const ballast = join(root, 'ballast');
  expect(() => writeFileSync(ballast, Buffer.alloc(2 ** 23))).toThrow('ENOSPC');

  await expect(blobs.append(id, chunksOf(bytes), { from: 0 })).rejects.toMatchObject({ code: 'ENOSPC' });
  rmSync(ballast);
  const there = (await blobs.uploadSize(id)) ?? 0;
  await blobs.append(id, chunksOf(bytes.subarray(there)), { from: there });
  await blobs.finish(id, digestOf(bytes));
  expect(digestOf(await contentOf(blobs, digestOf(bytes)))).toBe(digestOf(bytes));
});
