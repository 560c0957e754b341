/** Modules of a kernel that lies unpacked in a folder, with those that they depend on. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DriverError } from '../driver.ts';
import { unpack } from './unpack.ts';

export interface KernelModule {
  /** For example `virtio_blk.ko`. */
  readonly name: string;
  readonly data: Buffer;
}

/**
 * Brings modules by their names, in an order in which they can be loaded; what the kernel has built in is left out.
 * @throws DriverError kind engine
 */
export async function openModules(
  root: string,
  release: string,
): Promise<(names: readonly string[]) => Promise<readonly KernelModule[]>> {
  const folder = await modulesFolder(root, release);
  const files = new Map((await filesIn(folder)).map((path) => [moduleName(path), path]));
  const builtIn = new Set((await readFile(join(folder, 'modules.builtin'), 'utf8')).split('\n').map(moduleName));
  return async (names) => {
    const found = new Map<string, KernelModule>();
    const add = async (name: string): Promise<void> => {
      if (found.has(name) || builtIn.has(name)) return;
      const path = files.get(name);
      if (path === undefined) throw new DriverError('engine', `Kernel ${release} has no module ${name}.`);
      const packed = await readFile(join(folder, path));
      const data = (await unpack(packed)) ?? packed;
      for (const needed of dependencies(data)) await add(needed);
      found.set(name, { name: `${name}.ko`, data });
    };
    for (const name of names) await add(name);
    return [...found.values()];
  };
}

/** Distributions have it in either place. */
async function modulesFolder(root: string, release: string): Promise<string> {
  const places = [join(root, 'lib', 'modules', release), join(root, 'usr', 'lib', 'modules', release)];
  for (const place of places) {
    const names: readonly string[] = await readdir(place).catch(() => []);
    if (names.includes('kernel')) return place;
  }
  throw new DriverError('engine', `There are no modules of kernel ${release}.`);
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const paths = await readdir(join(folder, 'kernel'), { recursive: true });
  return paths.filter((path) => /\.ko(\.\w+)?$/.test(path)).map((path) => join('kernel', path));
}

/** The kernel takes both spellings for one. */
function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_');
}

/** As the module itself says, in its section `.modinfo`. */
function dependencies(module: Buffer): readonly string[] {
  const words = /\0depends=([^\0]*)\0/.exec(module.toString('latin1'))?.[1] ?? '';
  return words.split(',').flatMap((name) => (name === '' ? [] : [moduleName(name)]));
}
