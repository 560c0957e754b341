/**
 * The volumes of sandboxes. Scratch volumes and NFS exports are volumes of the engine, named and labelled by owner and
 * sandbox: they work with a remote engine, and after a crash at any moment their labels tell whose they are. Directories
 * of the host are bound as they are (bind-source.ts), so that removing a volume can never remove what is in them.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import { type ContainerConfig, DriverError, type Mount, type SandboxConfig, type VolumeConfig } from '../driver.ts';
import { bindSource } from './bind-source.ts';
import { listBoundFolders, removeBoundFolders } from './bound-folders.ts';
import type { Context } from './context.ts';
import { failure, statusOf } from './engine.ts';
import { type Names, OWNER, SANDBOX } from './names.ts';

export const VOLUME = 'longshore.volume';

/** Newest engines mount a folder below a volume without following links on the way. */
const SUBPATH_API = [1, 45] as const;

/** Makes them, or finds those that an earlier call made. @throws DriverError kind volume or engine */
export async function makeVolumes(context: Context, { id, volumes = [] }: SandboxConfig): Promise<void> {
  await Promise.all(volumes.map(async (volume) => await makeVolume(context, id, volume)));
}

async function makeVolume(context: Context, sandboxId: string, volume: VolumeConfig): Promise<void> {
  if (!isVolumeName(volume.name)) throw new DriverError('volume', `"${volume.name}" is not a valid volume name.`);
  if (volume.kind === 'directory') {
    await bindSource(context, sandboxId, volume);
    return;
  }
  if (volume.kind === 'nfs' && volume.subPath?.length && !(await mountsSubPaths(context)))
    throw new DriverError(
      'volume',
      `A folder below the export ${volume.server}:${volume.path} cannot be mounted safely by this engine (it needs Docker Engine 26). Export the folder itself.`,
    );
  try {
    await context.engine.call((docker) => docker.createVolume(engineVolume(context.names, sandboxId, volume)));
  } catch (error) {
    throw failure(statusOf(error) === 400 ? 'volume' : 'engine', error);
  }
}

async function mountsSubPaths({ engine }: Context): Promise<boolean> {
  const { ApiVersion } = await engine.call((docker) => docker.version());
  const [major = 0, minor = 0] = ApiVersion.split('.').map(Number);
  return major > SUBPATH_API[0] || (major === SUBPATH_API[0] && minor >= SUBPATH_API[1]);
}

export function engineVolume(
  names: Names,
  sandboxId: string,
  volume: Exclude<VolumeConfig, { kind: 'directory' }>,
): Docker.VolumeCreateOptions {
  return {
    Name: nameOf(names, sandboxId, volume.name),
    Driver: 'local',
    Labels: labelsOf(names, sandboxId, volume.name),
    DriverOpts:
      volume.kind === 'nfs'
        ? // What EFS recommends (https://docs.aws.amazon.com/efs/latest/ug/mounting-fs-nfs-mount-settings.html).
          {
            type: 'nfs',
            o: `addr=${volume.server},nfsvers=4,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport`,
            device: `:${volume.path}`,
          }
        : {},
  };
}

function labelsOf(names: Names, sandboxId: string, volume: string): Record<string, string> {
  return { [OWNER]: names.owner, [SANDBOX]: sandboxId, [VOLUME]: volume };
}

/** Names of volumes may be longer than the engine's disk allows, so what follows the sandbox is cut and told by a hash. */
function nameOf(names: Names, sandboxId: string, volume: string): string {
  const hash = createHash('sha256').update(volume).digest('hex').slice(0, 8);
  return `${names.sandbox(sandboxId)}.${volume.slice(0, 40)}.${hash}`;
}

export function isVolumeName(name: string): boolean {
  return /^[A-Za-z0-9_.-]{1,255}$/.test(name) && name !== '.' && name !== '..';
}

/** What the engine is told of a container's mounts. @throws DriverError kind create or volume */
export async function mountsOf(
  context: Context,
  config: ContainerConfig,
  volumes: readonly VolumeConfig[] = [],
): Promise<Pick<Docker.HostConfig, 'Mounts' | 'VolumesFrom' | 'Tmpfs'>> {
  const { mounts = [], mountsFrom = [], memoryMounts = [], sandboxId } = config;
  return {
    Mounts: await Promise.all(mounts.map(async (mount) => await mountOf(context, sandboxId, mount, volumes))),
    VolumesFrom: mountsFrom.map(
      ({ container, readOnly }) => `${context.names.container(sandboxId, container)}${readOnly ? ':ro' : ''}`,
    ),
    Tmpfs: Object.fromEntries(
      memoryMounts.map(({ path, size, options }) => [path, [`size=${size}`, ...options].join(',')]),
    ),
  };
}

async function mountOf(
  context: Context,
  sandboxId: string,
  { volume: name, path, readOnly = false }: Mount,
  volumes: readonly VolumeConfig[],
): Promise<Docker.MountSettings> {
  const volume = volumes.find((each) => each.name === name);
  if (!volume) throw new DriverError('create', `There is no volume ${name} in sandbox ${sandboxId}.`);
  const common = { Target: path, ReadOnly: readOnly };
  if (volume.kind === 'directory')
    return { ...common, Type: 'bind', Source: await bindSource(context, sandboxId, volume) };
  const Subpath = volume.kind === 'nfs' && volume.subPath?.length ? volume.subPath.join('/') : undefined;
  const options = {
    // The engine makes a volume that is missing, so it gets the labels from here too.
    Labels: labelsOf(context.names, sandboxId, name),
    // An export keeps what it has; scratch begins with what the image has there.
    NoCopy: volume.kind === 'nfs',
    DriverConfig: { Name: 'local', Options: engineVolume(context.names, sandboxId, volume).DriverOpts ?? {} },
    ...(Subpath === undefined ? {} : { Subpath }),
  };
  return { ...common, Type: 'volume', Source: nameOf(context.names, sandboxId, name), VolumeOptions: options };
}

/** Two containers that fill one empty volume at once would mix their images' files: such creations wait for each other. */
export function createTurns(): <T>(key: string | undefined, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    if (key === undefined) return await work();
    const before = last.get(key);
    const mine = (before ?? Promise.resolve()).then(work, work);
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
}

interface Found {
  readonly name: string;
  readonly sandboxId: string;
}

async function listVolumes({ engine, names }: Context, sandboxId?: string): Promise<readonly Found[]> {
  const label = [`${OWNER}=${names.owner}`, ...(sandboxId === undefined ? [] : [`${SANDBOX}=${sandboxId}`])];
  try {
    const filters = JSON.stringify({ label });
    const answer = await engine.call(async (docker) => await docker.listVolumes({ filters }));
    // No volume at all is null in the engine's answer.
    return ((answer.Volumes as Docker.VolumeInspectInfo[] | null) ?? []).map(({ Name, Labels }) => ({
      name: Name,
      sandboxId: Labels?.[SANDBOX] ?? '',
    }));
  } catch (error) {
    throw failure('engine', error);
  }
}

/** Ids of the sandboxes that have any. */
export async function sandboxesWithVolumes(context: Context): Promise<ReadonlySet<string>> {
  const volumes = await listVolumes(context);
  return new Set([...volumes.map(({ sandboxId }) => sandboxId), ...(await listBoundFolders(context.names.owner))]);
}

/** Runs `removeUsers`, which ends everything that uses the sandbox's volumes, then removes them. */
export async function removeVolumes(
  context: Context,
  sandboxId: string,
  removeUsers: () => Promise<void>,
): Promise<void> {
  // Looked for meanwhile: a sandbox without volumes is not removed later for having had to look.
  const [found] = await Promise.all([listVolumes(context, sandboxId), removeUsers()]);
  await Promise.all(found.map(async ({ name }) => await removeVolume(context, name)));
  await removeBoundFolders(context.names.owner, sandboxId);
}

/** Removes those of all sandboxes; nothing may use them any more. Returns how many there were. */
export async function removeAllVolumes(context: Context): Promise<number> {
  const found = await listVolumes(context);
  await Promise.all(found.map(({ name }) => context.looks(async () => await removeVolume(context, name))));
  let bound = 0;
  for (const sandboxId of await listBoundFolders(context.names.owner))
    bound += await removeBoundFolders(context.names.owner, sandboxId);
  return found.length + bound;
}

async function removeVolume({ engine }: Context, name: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await engine.call((docker) => docker.getVolume(name).remove());
      return;
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return;
      // 409: a container that uses it is being removed.
      if (status !== 409 || attempt >= 20) throw failure('engine', error);
      await delay(Math.min(25 * 2 ** attempt, 500));
    }
  }
}
