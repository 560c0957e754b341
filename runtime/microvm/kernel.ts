/** The guest's kernel: the distribution's own for virtual machines, taken out of its packages without being installed. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DriverError } from '../driver.ts';
import { runProgram } from './commands.ts';
import { type KernelModule, openModules } from './kernel-modules.ts';
import { unpack } from './unpack.ts';

/** Debian's, and Ubuntu's. */
const PACKAGES: readonly string[] = ['linux-image-cloud-amd64', 'linux-image-virtual'];

/** What each machine's kernel needs from the beginning. */
const always: readonly string[] = ['virtio_mmio', 'virtio_console', 'virtio_blk', 'squashfs', 'overlay', 'virtio_net'];

/** What volumes need besides, by their kind. */
const forVolumes = { directory: ['virtiofs'], nfs: ['nfsv4'] } as const;

export interface Kernel {
  /** For example `6.1.0-56-cloud-amd64`. */
  readonly release: string;
  /** As in the package. */
  readonly packed: Buffer;
  /** Where its packages are unpacked. */
  readonly root: string;
}

/** Each in an order in which they can be loaded. */
export interface KernelModules {
  readonly always: readonly KernelModule[];
  /** Without those that are loaded always. */
  readonly forVolumes: Readonly<Record<keyof typeof forVolumes, readonly KernelModule[]>>;
}

/** Brings the packages to `folder` when no kernel is there. @throws DriverError kind engine */
export async function findKernel(folder: string): Promise<Kernel> {
  const release = (await newestRelease(folder)) ?? (await fetchKernel(folder));
  const root = join(folder, release);
  const packed = await readFile(join(root, 'boot', `vmlinuz-${release}`));
  return { release, packed, root };
}

/** Reading and unpacking them takes its time: only for who builds a guest. @throws DriverError kind engine */
export async function modulesOf({ root, release }: Kernel): Promise<KernelModules> {
  const read = await openModules(root, release);
  const modules = await read(always);
  const loaded = new Set(modules.map(({ name }) => name));
  const besides = async (names: readonly string[]) => (await read(names)).filter(({ name }) => !loaded.has(name));
  return {
    always: modules,
    forVolumes: { directory: await besides(forVolumes.directory), nfs: await besides(forVolumes.nfs) },
  };
}

async function newestRelease(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => /^\d+\.\d+\./.test(name))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
}

/** The names of the packages that hold the newest kernel that apt knows, and its modules. */
async function packagesToFetch(): Promise<readonly string[]> {
  for (const name of PACKAGES) {
    const depends = await runProgram('apt-cache', ['depends', name]).catch(() => '');
    const image = /Depends: (linux-image-\d\S+)/.exec(depends)?.[1];
    if (image === undefined) continue;
    // Ubuntu has the modules in a package of their own.
    const modules = image.replace('linux-image-', 'linux-modules-');
    const known = await runProgram('apt-cache', ['show', '--no-all-versions', modules]).catch(() => '');
    return [image, ...(known.includes(`Package: ${modules}\n`) ? [modules] : [])];
  }
  throw new DriverError('engine', `apt knows neither ${PACKAGES.join(' nor ')}: run apt-get update.`);
}

async function fetchKernel(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'new-'));
  try {
    const names = await packagesToFetch();
    // A sandboxed download as another user could not write here, and apt would say so.
    await runProgram('apt-get', ['download', '-o', 'APT::Sandbox::User=root', ...names], { cwd: work });
    const files = (await readdir(work)).filter((each) => each.endsWith('.deb'));
    if (files.length === 0) throw new DriverError('engine', `apt-get download ${names.join(' ')} brought nothing.`);
    for (const file of files) {
      await runProgram('dpkg-deb', ['-x', join(work, file), work]);
      await rm(join(work, file));
    }
    const image = (await readdir(join(work, 'boot'))).find((each) => each.startsWith('vmlinuz-'));
    if (image === undefined) throw new DriverError('engine', `The package ${names[0]} holds no kernel.`);
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

/**
 * The kernel proper, which starts a second sooner than one that unpacks itself first. One that is packed in a way that
 * is not known here is left as it is. Offsets: Documentation/x86/boot.rst, "setup_sects", "payload_offset" and
 * "payload_length".
 */
export async function unpackKernel(packed: Buffer): Promise<Buffer> {
  const protectedMode = ((packed[0x1f1] || 4) + 1) * 512;
  const start = protectedMode + packed.readUInt32LE(0x248);
  // The last four bytes tell the unpacked size.
  const payload = packed.subarray(start, start + packed.readUInt32LE(0x24c) - 4);
  return (await unpack(payload)) ?? packed;
}
