/** Which directory of the host a container is given: the one that was meant, and never one that opens up the host. */
import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { posix, sep } from 'node:path';
import { DriverError, type SubPath, type VolumeConfig } from '../driver.ts';
import { bindFolder, boundPlace } from './bound-folders.ts';
import type { Context } from './context.ts';

type Directory = Extract<VolumeConfig, { kind: 'directory' }>;

/** Of no use to any container, and a way out of it. */
const neverInside = ['/proc', '/sys', '/dev', '/boot'] as const;
/** The usual places of engines' sockets: neither they nor what contains them. */
const neverAbove = ['/var/run/docker.sock', '/run/docker.sock', '/run/containerd', '/etc/shadow'] as const;

/**
 * The path to bind. A folder below the volume's own is bound to a place of ours first: what tasks write there cannot
 * turn it into a link between the look and the use.
 * @throws DriverError kind volume
 */
export async function bindSource(context: Context, sandboxId: string, volume: Directory): Promise<string> {
  const { path, subPath = [] } = volume;
  const wrong = wrongPath(path, subPath);
  if (wrong) throw new DriverError('volume', `${wrong}.`);
  if (!context.facts.sameHost) {
    refuse(path, keepOut(context, []));
    if (subPath.length > 0)
      throw new DriverError(
        'volume',
        'The engine runs on another host: a folder below the directory cannot be mounted safely. Name the folder itself.',
      );
    return path;
  }
  const real = await resolved(path);
  const resolvedKeepOut = await Promise.all(
    context.keepOut.map(async (each) => await resolved(each).catch(() => each)),
  );
  refuse(real, keepOut(context, resolvedKeepOut));
  if (subPath.length === 0) return real;
  if (process.geteuid?.() !== 0)
    throw new DriverError('volume', 'A folder below the directory can be mounted only by a worker that runs as root.');
  const place = { owner: context.names.owner, sandboxId, volume: volume.name };
  const bound = await boundPlace(place);
  if (bound) return bound;
  const folder = await openBelow(real, subPath);
  try {
    return await bindFolder(place, folder);
  } finally {
    await folder.close();
  }
}

/** Why the path is not what the contract asks for; undefined: it is. */
export function wrongPath(path: string, subPath: SubPath): string | undefined {
  if (!posix.isAbsolute(path) || path.split('/').includes('..')) return `${path} is not an absolute path without ..`;
  const bad = subPath.find((name) => name === '' || name === '.' || name === '..' || /[/\0]/.test(name));
  return bad === undefined ? undefined : `"${bad}" is not the name of a folder`;
}

async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw new DriverError('volume', `The directory cannot be used (${(error as NodeJS.ErrnoException).code}).`, {
      cause: error,
    });
  }
}

function keepOut({ facts, engine, keepOut: own }: Context, more: readonly string[]): readonly string[] {
  const socket = engine.unixSocket ? [engine.address.slice('unix://'.length)] : [];
  return [...neverAbove, facts.rootDirectory, ...socket, ...own, ...more].filter((path) => path !== '');
}

/** @throws DriverError when `path` is, contains or lies in what containers must not see */
function refuse(path: string, secrets: readonly string[]): void {
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

/** Opens a folder step by step; no step follows a link. */
async function openBelow(path: string, names: SubPath): Promise<FileHandle> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  let folder = await open(path, O_RDONLY | O_DIRECTORY);
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
