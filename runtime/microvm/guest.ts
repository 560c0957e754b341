/**
 * What a virtual machine is booted from: the kernel, and a first file system that holds the agent, crun and nothing
 * else. Made once for everything that shapes it and kept in a folder of its own; built from source on this host.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DriverError } from '../driver.ts';
import { runProgram } from './commands.ts';
import { type CpioEntry, cpioOf } from './cpio.ts';
import { isThere } from './is-there.ts';
import { findKernel, type Kernel, type KernelModules, modulesOf, unpackKernel } from './kernel.ts';
import { removeStale } from './stale.ts';

export interface Guest {
  /** Changes with everything in it. */
  readonly identity: string;
  /**
   * Holds `kernel` and `kernel-packed`, the same as its package has it, `initramfs`, `modules`, `read-only-memory.so` and
   * `empty`, a disk that stands for one to come.
   */
  readonly folder: string;
  /** The program that monitors are started by. */
  readonly jail: string;
}

const self = fileURLToPath(import.meta.url);
/** To be changed with what the folder and the first file system hold where. */
const LAYOUT = '3';

/** Where the sources of the programs in C are: this file may have been compiled, and put together with others. */
async function sourceFolder(): Promise<string> {
  for (let folder = dirname(self); folder !== '/'; folder = dirname(folder)) {
    const found = join(folder, 'runtime', 'microvm');
    if (await isThere(join(found, 'guest', 'main.c'))) return found;
  }
  throw new DriverError('engine', 'The sources of the agent for virtual machines are not in this installation.');
}

/** @throws DriverError kind engine that says what is missing */
export async function prepareGuest(folder: string): Promise<Guest> {
  const source = await sourceFolder();
  for (const each of ['kernels', 'guests', 'snapshots']) await removeStale(join(folder, each), /^(new-|\.kvm-)/);
  const [kernel, crun, init] = await Promise.all([
    findKernel(join(folder, 'kernels')),
    locate('crun'),
    locate('tini-static'),
  ]);
  const programs = [crun, ...(await librariesOf(crun))];
  const identity = await hashOf(source, kernel, [...programs, init]);
  const home = join(folder, 'guests', identity);
  const guest: Guest = {
    identity,
    folder: home,
    jail: join(home, 'jail'),
  };
  if (await isThere(home)) return guest;
  const work = join(folder, 'guests', `new-${randomUUID()}`);
  await mkdir(work, { recursive: true });
  try {
    await compile(source, work);
    const agent = await readFile(join(work, 'agent'));
    await writeFile(join(work, 'kernel'), await unpackKernel(kernel.packed));
    await writeFile(join(work, 'kernel-packed'), kernel.packed);
    const modules = await modulesOf(kernel);
    await writeVolumeModules(work, modules);
    await writeFile(join(work, 'initramfs'), cpioOf(await contents(modules, agent, programs, init)));
    await writeFile(join(work, 'empty'), '');
    // Larger than any disk that may take its place: a guest keeps the size that it saw first.
    await truncate(join(work, 'empty'), 2 ** 40);
    await rename(work, home);
  } catch (error) {
    // Another process was quicker.
    if (!(await isThere(home))) throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return guest;
}

/** Of use to few machines, so not in the memory of all: a folder for each kind, its files named in their order. */
async function writeVolumeModules(work: string, { forVolumes }: KernelModules): Promise<void> {
  for (const [kind, modules] of Object.entries(forVolumes)) {
    const folder = join(work, 'modules', kind);
    await mkdir(folder, { recursive: true });
    for (const [index, { name, data }] of modules.entries())
      await writeFile(join(folder, `${String(index).padStart(2, '0')}-${name}`), data);
  }
}

/** What a machine's kernel lacks for volumes of a kind, in the order in which it is to be loaded. */
export async function volumeModules(
  { folder }: Guest,
  kind: keyof KernelModules['forVolumes'],
): Promise<readonly Buffer[]> {
  const home = join(folder, 'modules', kind);
  const names = (await readdir(home)).sort();
  return await Promise.all(names.map(async (name) => await readFile(join(home, name))));
}

async function compile(source: string, work: string): Promise<void> {
  const flags = ['-std=gnu17', '-O2', '-Wall', '-Wextra'];
  const cFiles = (await readdir(join(source, 'guest'))).filter((name) => name.endsWith('.c'));
  await Promise.all([
    runProgram('gcc', [
      ...flags,
      '-static',
      '-s',
      '-o',
      join(work, 'agent'),
      ...cFiles.map((name) => join(source, 'guest', name)),
    ]),
    // Static, so that what is loaded into the monitor is not loaded into it.
    runProgram('gcc', [...flags, '-static', '-s', '-o', join(work, 'jail'), join(source, 'host', 'jail.c')]),
    runProgram('gcc', [
      ...flags,
      '-shared',
      '-fPIC',
      '-s',
      '-o',
      join(work, 'read-only-memory.so'),
      join(source, 'host', 'read-only-memory.c'),
    ]),
  ]);
}

async function contents(
  modules: KernelModules,
  agent: Buffer,
  programs: readonly string[],
  init: string,
): Promise<readonly CpioEntry[]> {
  const folder = (path: string): CpioEntry => ({ path, mode: 0o755, content: { kind: 'folder' } });
  const file = (path: string, data: Buffer): CpioEntry => ({ path, mode: 0o755, content: { kind: 'file', data } });
  const link = (path: string, target: string): CpioEntry => ({ path, mode: 0o777, content: { kind: 'link', target } });
  const [crun = '', ...libraries] = programs;
  const folders = new Set(libraries.flatMap((path) => parentsOf(path.slice(1))));
  return [
    ...['dev', 'proc', 'sys', 'run', 'etc', 'tmp', 'bin', 'modules', 'images', 'scratch', 'warm'].map(folder),
    ...[...folders].map(folder),
    { path: 'dev/console', mode: 0o600, content: { kind: 'device', major: 5, minor: 1 } },
    file('init', agent),
    link('bin/pause', '/init'),
    ...['fill', 'attach', 'bind-inside', 'detach'].map((name) => link(`bin/${name}`, '/init')),
    file('bin/crun', await readFile(crun)),
    file('bin/tini', await readFile(init)),
    ...(await Promise.all(libraries.map(async (path) => file(path.slice(1), await readFile(path))))),
    file('modules/list', Buffer.from(`${modules.always.map(({ name }) => name).join('\n')}\n`)),
    ...modules.always.map(({ name, data }) => file(`modules/${name}`, data)),
  ];
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Absolute paths, the loader included, as the program asks for them. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const lines = (await runProgram('ldd', [program])).split('\n');
  return lines.flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

async function locate(program: string): Promise<string> {
  for (const folder of ['/usr/bin', '/usr/sbin', '/usr/local/bin'])
    if (await isThere(join(folder, program))) return await realpath(join(folder, program));
  throw new DriverError('engine', `${program} is not installed.`);
}

async function hashOf(source: string, kernel: Kernel, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(LAYOUT).update(kernel.release).update(kernel.packed);
  for (const folder of ['guest', 'host'])
    for (const name of (await readdir(join(source, folder))).sort())
      hash.update(name).update(await readFile(join(source, folder, name)));
  for (const file of files) hash.update(file).update(await readFile(file));
  return hash.digest('hex').slice(0, 20);
}
