/** Which path of the host the engine binds into a container. */
import { DriverError, type VolumeConfig } from '../driver.ts';
import { openBelow, permitted, refuse, wrongPath } from '../host-directory.ts';
import { bindFolder, boundPlace } from './bound-folders.ts';
import type { Context } from './context.ts';

type Directory = Extract<VolumeConfig, { kind: 'directory' }>;

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
    refuse(path, keepOut(context));
    if (subPath.length > 0)
      throw new DriverError(
        'volume',
        'The engine runs on another host: a folder below the directory cannot be mounted safely. Name the folder itself.',
      );
    return path;
  }
  const real = await permitted(path, keepOut(context));
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

function keepOut({ facts, engine, keepOut: own }: Context): readonly string[] {
  const socket = engine.unixSocket ? [engine.address.slice('unix://'.length)] : [];
  return [facts.rootDirectory, ...socket, ...own];
}
