/** The guest's kernel: Debian's for clouds, taken out of its package without being installed on the host. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DriverError } from '../driver.ts';
import { runProgram } from './commands.ts';
import { decompressLz4Legacy, isLz4Legacy } from './lz4.ts';

const PACKAGE = 'linux-image-cloud-amd64';

/** In the order in which they are loaded. */
const moduleNames: readonly string[] = [
  'virtio_ring',
  'virtio',
  'virtio_mmio',
  'virtio_console',
  'virtio_blk',
  'squashfs',
  'overlay',
  'failover',
  'net_failover',
  'virtio_net',
];

export interface Kernel {
  /** For example `6.1.0-56-cloud-amd64`. */
  readonly release: string;
  /** As in the package. */
  readonly packed: Buffer;
  readonly modules: readonly { readonly name: string; readonly data: Buffer }[];
}

/** Brings the package to `folder` when no kernel is there. @throws DriverError kind engine */
export async function findKernel(folder: string): Promise<Kernel> {
  const release = (await newestRelease(folder)) ?? (await fetchKernel(folder));
  const root = join(folder, release);
  const packed = await readFile(join(root, 'boot', `vmlinuz-${release}`));
  return { release, packed, modules: await readModules(root, release) };
}

async function newestRelease(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => /^\d+\.\d+\..*-cloud-amd64$/.test(name))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
}

async function fetchKernel(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'new-'));
  try {
    const depends = await runProgram('apt-cache', ['depends', PACKAGE]);
    const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
    if (name === undefined) throw new DriverError('engine', `apt knows no package ${PACKAGE}: run apt-get update.`);
    await runProgram('apt-get', ['download', name], { cwd: work });
    const file = (await readdir(work)).find((each) => each.endsWith('.deb'));
    if (file === undefined) throw new DriverError('engine', `apt-get download ${name} brought nothing.`);
    await runProgram('dpkg-deb', ['-x', join(work, file), work]);
    await rm(join(work, file));
    const image = (await readdir(join(work, 'boot'))).find((each) => each.startsWith('vmlinuz-'));
    if (image === undefined) throw new DriverError('engine', `The package ${name} holds no kernel.`);
    const release = image.slice('vmlinuz-'.length);
    await rename(work, join(folder, release)).catch((error: NodeJS.ErrnoException) => {
      // Another process was quicker.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return release;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function readModules(root: string, release: string): Promise<Kernel['modules']> {
  const folder = join(root, 'lib', 'modules', release, 'kernel');
  const files = await readdir(folder, { recursive: true });
  return await Promise.all(
    moduleNames.map(async (name) => {
      const file = files.find((each) => each.endsWith(`/${name}.ko`));
      if (file === undefined) throw new DriverError('engine', `Kernel ${release} has no module ${name}.`);
      return { name: `${name}.ko`, data: await readFile(join(folder, file)) };
    }),
  );
}

/**
 * The kernel proper, which starts a second sooner than one that unpacks itself first. One that is packed otherwise is
 * left as it is. Offsets: Documentation/x86/boot.rst, "setup_sects", "payload_offset" and "payload_length".
 */
export function unpackKernel(packed: Buffer): Buffer {
  const protectedMode = ((packed[0x1f1] || 4) + 1) * 512;
  const start = protectedMode + packed.readUInt32LE(0x248);
  // The last four bytes tell the unpacked size.
  const payload = packed.subarray(start, start + packed.readUInt32LE(0x24c) - 4);
  return isLz4Legacy(payload) ? decompressLz4Legacy(payload) : packed;
}
