/** Which directory of the host a container may be given: the one that was meant, and never one that opens up the host. */
import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { posix, sep } from 'node:path';
import { DriverError, type SubPath } from './driver.ts';

/** Of no use to any container, and a way out of it. */
const neverInside = ['/proc', '/sys', '/dev', '/boot'] as const;
/** The usual places of engines' sockets: neither they nor what contains them. */
const neverAbove = ['/var/run/docker.sock', '/run/docker.sock', '/run/containerd', '/etc/shadow'] as const;

/** Why the path is not what the contract asks for; undefined: it is. */
export function wrongPath(path: string, subPath: SubPath): string | undefined {
  if (!posix.isAbsolute(path) || path.split('/').includes('..')) return `${path} is not an absolute path without ..`;
  const bad = subPath.find((name) => name === '' || name === '.' || name === '..' || /[/\0]/.test(name));
  return bad === undefined ? undefined : `"${bad}" is not the name of a folder`;
}

/**
 * Where a directory leads, when containers may see that. `keepOut` is meant by its own paths and by where they lead.
 * @throws DriverError kind volume
 */
export async function permitted(path: string, keepOut: readonly string[]): Promise<string> {
  const real = await realpath(path).catch(unusable);
  const led = await Promise.all(keepOut.map(async (each) => await realpath(each).catch(() => each)));
  refuse(real, [...keepOut, ...led]);
  return real;
}

function unusable(cause: unknown): never {
  throw new DriverError('volume', `The directory cannot be used (${(cause as NodeJS.ErrnoException).code}).`, {
    cause,
  });
}

/**
 * @param keepOut what only the caller knows of; paths that are "" mean nothing
 * @throws DriverError when `path` is, contains or lies in what containers must not see
 */
export function refuse(path: string, keepOut: readonly string[]): void {
  const secrets = [...neverAbove, ...keepOut.filter((each) => each !== '')];
  const plain = posix.normalize(path);
  const secret = secrets.find((each) => contains(plain, each) || contains(each, plain));
  const inside = neverInside.find((each) => contains(each, plain));
  if (contains(plain, '/') || secret !== undefined || inside !== undefined)
    throw new DriverError(
      'volume',
      "The directory is or contains a part of the host that no container may see (/, the engine's, Longshore's own).",
    );
}

function contains(folder: string, path: string): boolean {
  const prefix = folder.endsWith(sep) ? folder : `${folder}${sep}`;
  return path === folder || path.startsWith(prefix);
}

/** Opens a folder step by step; no step follows a link. @throws DriverError kind volume */
export async function openBelow(path: string, names: SubPath): Promise<FileHandle> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  let folder = await open(path, O_RDONLY | O_DIRECTORY).catch(unusable);
  for (const name of names) {
    const above = folder;
    try {
      folder = await open(`/proc/self/fd/${above.fd}/${name}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const why = code === 'ENOENT' ? 'No such file or directory' : `not a directory of the volume (${code})`;
      throw new DriverError('volume', `/${names.join('/')}: ${why}.`, { cause: error });
    } finally {
      await above.close();
    }
  }
  return folder;
}
