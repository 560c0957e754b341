/**
 * Images as read-only file systems, made once for each digest and kept while there is room: the ones that were used
 * longest ago go first. A machine that uses one has a link of its own to it, so that its files stay for as long.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, statfs, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { DriverError } from '../driver.ts';
import type { Image } from './image.ts';
import { removeStale } from './stale.ts';

export interface ImageCache {
  find(key: string): Promise<Image | undefined>;
  /**
   * `files` is the whole file system as a tar archive; it is read only when it is needed.
   * @throws DriverError kind image-disk when there is no room
   */
  put(image: Image, files: () => Promise<Readable>): Promise<void>;
  /** Makes `path` another name of the image's file system. @throws DriverError kind image-not-found */
  link(key: string, path: string): Promise<void>;
}

/** Kept free on the file system of the cache, bytes. */
const RESERVE = 256 * 2 ** 20;

/** `limit`: bytes. */
export async function openImageCache(folder: string, limit: number): Promise<ImageCache> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await removeStale(folder, /^\.(new|pull)-/);
  const making = new Map<string, Promise<void>>();
  const fileOf = (key: string) => join(folder, `${key}.squashfs`);
  const describedIn = (key: string) => join(folder, `${key}.json`);

  const find = async (key: string) => {
    const text = await readFile(describedIn(key), 'utf8').catch(ignoreAbsent);
    if (text === undefined) return undefined;
    const now = new Date();
    // A description alone is none.
    const there = await utimes(fileOf(key), now, now).then(() => true, ignoreAbsent);
    return there ? (JSON.parse(text) as Image) : undefined;
  };

  const make = async (image: Image, files: () => Promise<Readable>) => {
    if (await find(image.key)) return;
    const work = join(folder, `.new-${randomUUID()}`);
    try {
      await checkRoom(folder);
      await convert(await files(), work);
      await rename(work, fileOf(image.key));
      await writeFile(`${work}.json`, JSON.stringify(image));
      // The description comes last: what has one is whole.
      await rename(`${work}.json`, describedIn(image.key));
    } finally {
      await rm(work, { force: true });
      await rm(`${work}.json`, { force: true });
    }
    await evict(folder, limit, image.key);
  };

  return {
    find,
    async put(image, files) {
      const running = making.get(image.key) ?? make(image, files).finally(() => making.delete(image.key));
      making.set(image.key, running);
      await running;
    },
    async link(key, path) {
      try {
        await link(fileOf(key), path);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') throw new DriverError('image-not-found', `No such image: sha256:${key}`);
        if (code !== 'EEXIST') throw error;
      }
    },
  };
}

async function checkRoom(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < RESERVE) throw new DriverError('image-disk', 'no space left on device');
}

/** Quick to make and quick to read; owners, modes, devices and extended attributes are kept. */
async function convert(files: Readable, path: string): Promise<void> {
  const args = ['-', path, '-tar', '-comp', 'lz4', '-noappend', '-quiet', '-no-progress'];
  const child = spawn('mksquashfs', args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    words = (words + part).slice(-2000);
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      words = error.message;
      resolve(127);
    });
    child.on('close', resolve);
  });
  let broken: Error | undefined;
  files.once('error', (error: Error) => {
    broken = error;
    child.kill();
  });
  // It stops reading at the archive's end, which need not be the stream's.
  child.stdin.on('error', () => {});
  files.pipe(child.stdin);
  const code = await ended;
  files.destroy();
  if (code === 0 && broken === undefined) return;
  if (/no space left/i.test(words)) throw new DriverError('image-disk', 'no space left on device');
  if (broken instanceof DriverError) throw broken;
  const lines = words.trim().split('\n');
  // Warnings may come first.
  const told = lines.find((line) => line.startsWith('FATAL ERROR')) ?? lines.at(-1);
  const why = broken?.message ?? (told?.replace(/^FATAL ERROR: */, '') || `exit code ${code}`);
  throw new DriverError('engine', `The image could not be converted: ${why}`);
}

/** What machines use takes no more room when it goes from the cache, and is not counted. */
async function evict(folder: string, limit: number, keep: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.squashfs'));
  const files = await Promise.all(
    names.map(async (name) => ({ key: name.slice(0, -'.squashfs'.length), info: await stat(join(folder, name)) })),
  );
  let total = files.reduce((sum, { info }) => sum + info.size, 0);
  for (const { key, info } of files.sort((a, b) => a.info.mtimeMs - b.info.mtimeMs)) {
    if (total <= limit) return;
    if (key === keep || info.nlink > 1) continue;
    await rm(join(folder, `${key}.json`), { force: true });
    await rm(join(folder, `${key}.squashfs`), { force: true });
    total -= info.size;
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
