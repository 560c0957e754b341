/** Images as machines see them: what a conversion keeps, and what becomes of one that finds no room. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { silent } from '../../runtime/log.ts';
import { engineImages } from '../../runtime/microvm/engine-images.ts';
import { imageOf } from '../../runtime/microvm/image.ts';
import { openImageCache } from '../../runtime/microvm/image-cache.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { engineCommandMissing, removeImage } from './images.ts';

const programs = ['mksquashfs', 'unsquashfs', 'tar', 'fallocate'];
const missing = programs.filter((name) => spawnSync('which', [name]).status !== 0);
const without =
  process.geteuid?.() !== 0 ? ' (skipped: needs root)' : missing.length > 0 ? ` (skipped: no ${missing})` : '';

const image = imageOf('sha256:ab', {});

const noEngine = await engineCommandMissing();

it.skipIf(noEngine !== undefined)(`an image that the engine cannot export is given up ${noEngine ?? ''}`, async () => {
  const folder = await temporaryDirectory();
  // The engine waits for somebody who writes into it.
  const name = `longshore-test:${randomUUID()}`;
  const script = 'mkdir -p root/etc && mkfifo root/etc/group && tar -C root -c . | docker import - "$1"';
  execFileSync('sh', ['-ec', script, 'sh', name], { cwd: folder });
  onTestFinished(() => removeImage(name));
  const cache = await openImageCache(join(folder, 'cache'), 2 ** 30);
  const owner = `test-${randomUUID().slice(0, 8)}`;
  const images = engineImages({ owner, dockerHost: undefined, cache, patience: 1000, log: silent });
  onTestFinished(() => images.close());
  const platform = { os: 'linux', architecture: 'amd64' } as const;
  await expect(images.pull({ image: name, policy: 'once', platform })).rejects.toMatchObject({
    kind: 'create',
    message: 'The engine sent nothing of the image for 1 seconds.',
  });
  await vi.waitUntil(async () => (await exportsOf(owner)) === '', { timeout: 30_000 });
});

async function exportsOf(owner: string): Promise<string> {
  const args = ['ps', '--all', '--quiet', '--filter', `label=longshore.export=${owner}`];
  return execFileSync('docker', args, { encoding: 'utf8' });
}

describe.skipIf(without !== '')(`an image that is converted${without}`, () => {
  it('keeps device nodes, pipes, owners, setuid, links, extended attributes, odd names and holes', async () => {
    const folder = await temporaryDirectory();
    const root = join(folder, 'root');
    mkdirSync(root);
    const script = `
      mknod null c 1 3; mknod disk b 7 1; mkfifo pipe
      printf x > setuid; chmod 4755 setuid; printf x > owned; chown 12345:54321 owned; ln owned again
      ln -s /nowhere dangling; truncate -s 64M hole; printf y >> hole
      printf x > "$(printf 'a\\nb')"; mkdir -m 1777 sticky`;
    execFileSync('sh', ['-ec', script], { cwd: root });
    const cache = await openImageCache(join(folder, 'cache'), 2 ** 30);
    const attribute = '--pax-option=SCHILY.xattr.user.note:=hello';
    await cache.put(image, async () => spawn('tar', ['-C', root, '-c', '-H', 'pax', attribute, '.']).stdout);

    const file = join(folder, 'cache', 'ab.squashfs');
    expect(statSync(file).size).toBeLessThan(2 ** 24);
    // Devices cannot have such an attribute outside.
    spawnSync('unsquashfs', ['-quiet', '-no-progress', '-d', join(folder, 'out'), file, 'owned', 'again', 'setuid']);
    const listed = execFileSync('unsquashfs', ['-llnumeric', file], { encoding: 'utf8' });
    for (const line of [
      /^crw\S+ 0\/0 +1, +3 .*\/null$/m,
      /^brw\S+ 0\/0 +7, +1 .*\/disk$/m,
      /^prw.*\/pipe$/m,
      /^-rws.*\/setuid$/m,
      /^-rw\S+ 12345\/54321 .*\/owned$/m,
      /^-rw\S+ 12345\/54321 .*\/again$/m,
      /\/dangling -> \/nowhere$/m,
      / 67108865 .*\/hole$/m,
      /^drwxrwxrwt.*\/sticky$/m,
      /\/a\nb$/m,
    ])
      expect(listed).toMatch(line);
    const out = (name: string) => join(folder, 'out', name);
    expect(statSync(out('owned')).ino).toBe(statSync(out('again')).ino);
    expect(
      execFileSync('tar', ['-c', '--xattrs', '-C', join(folder, 'out'), 'setuid'], { encoding: 'latin1' }),
    ).toContain('SCHILY.xattr.user.note=hello');
  });

  it('fails for lack of room, leaves nothing, and is converted once there is room', async () => {
    const folder = await temporaryDirectory();
    onTestFinished(mountSmallDisk(folder, 300));
    const root = join(folder, 'root');
    const filler = join(folder, 'filler');
    mkdirSync(root);
    writeFileSync(join(root, 'data'), randomBytes(2 ** 24));
    const archive = execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 2 ** 25 });
    rmSync(root, { recursive: true });
    const cache = await openImageCache(join(folder, 'cache'), 2 ** 30);
    const putting = cache.put(image, async () => {
      // There was room when it began.
      execFileSync('fallocate', ['-l', String(292 * 2 ** 20), filler]);
      return Readable.from([archive]);
    });
    await expect(putting).rejects.toMatchObject({ kind: 'image-disk', message: 'no space left on device' });
    expect(readdirSync(join(folder, 'cache'))).toEqual([]);
    const again = cache.put(image, async () => expect.fail('it must not begin'));
    await expect(again).rejects.toMatchObject({ kind: 'image-disk' });
    rmSync(filler);
    await cache.put(image, async () => Readable.from([archive]));
    expect(await cache.find('ab')).toEqual(image);
  });

  it.each([
    ['is no archive', Readable.from([Buffer.alloc(4096, 7)])],
    ['is cut off', Readable.from([Buffer.from('file'.padEnd(100, '\0'))])],
  ])('fails when it %s', async (_, archive) => {
    const folder = await temporaryDirectory();
    const cache = await openImageCache(folder, 2 ** 30);
    await expect(cache.put(image, async () => archive)).rejects.toThrow(
      /^The image could not be converted: (?!Empty tar filename)/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });
});
