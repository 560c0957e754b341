/**
 * Volumes whose files lie outside of the machine. An NFS export is mounted by the guest's own kernel over the task's
 * network; directories of the host come through virtiofs, which only a machine that boots can have.
 */
import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { FileHandle } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { constants, networkInterfaces } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { DriverError, type SandboxConfig, type VolumeConfig } from '../driver.ts';
import { openBelow, permitted, wrongPath } from '../host-directory.ts';
import { writeLarge } from './container.ts';
import type { Context } from './context.ts';
import { runInGuest } from './crun.ts';
import { volumeModules } from './guest.ts';
import { taskGroup, volumeFolder } from './guest-paths.ts';
import type { Machine } from './machine.ts';
import { foldersTag } from './vmm.ts';

type Directory = Extract<VolumeConfig, { kind: 'directory' }>;
type Export = Extract<VolumeConfig, { kind: 'nfs' }>;

/** Seconds until a server must have answered. */
const MOUNT_PATIENCE = 30;
/** Seconds that the last writes may take when a task has ended. */
const DETACH_PATIENCE = 15;
/** More than a jail hands over. */
const MOST_DIRECTORIES = 32;
/** 128 + SIGALRM: how a step in the guest ends that took too long. */
const OUT_OF_TIME = 142;
/** Never the engine's own, whether or not one is used. */
const engineFolders: readonly string[] = ['/var/lib/docker', '/var/lib/containerd'];

const foldersPlace = '/run/folders';
const exportPlace = (index: number) => `/run/exports/${index}`;

/** @throws DriverError kind volume */
export function checkVolume(volume: VolumeConfig): void {
  const { kind, name } = volume;
  if (name === '' || name === '.' || name === '..' || name.includes('/'))
    throw new DriverError('volume', `"${name}" is not a valid volume name.`);
  if (kind === 'scratch') return;
  const wrong = wrongPath(volume.path, volume.subPath ?? []);
  if (wrong) throw new DriverError('volume', `${wrong}.`);
}

/** The host's directories among the volumes, in their order; to be closed. @throws DriverError kind volume */
export async function openDirectories(
  { vmm, keepOut }: Pick<Context, 'vmm' | 'keepOut'>,
  { volumes = [] }: SandboxConfig,
): Promise<readonly FileHandle[]> {
  const directories = volumes.filter((volume): volume is Directory => volume.kind === 'directory');
  if (directories.length > MOST_DIRECTORIES)
    throw new DriverError('volume', `A task has at most ${MOST_DIRECTORIES} volumes on directories of the host.`);
  if (directories.length > 0 && vmm.noFolders !== undefined)
    throw new DriverError('volume', `A directory of the host cannot be mounted: ${vmm.noFolders}.`);
  const opened: FileHandle[] = [];
  try {
    for (const { path, subPath = [] } of directories) {
      opened.push(await openBelow(await permitted(path, [...engineFolders, ...keepOut]), subPath));
    }
    return opened;
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

export async function closeAll(opened: readonly FileHandle[]): Promise<void> {
  for (const handle of opened) await handle.close();
}

/** Mounts those that lie outside at the folders of their indexes. @throws DriverError kind volume */
export async function attachVolumes(
  context: Context,
  machine: Machine,
  { volumes = [] }: SandboxConfig,
): Promise<void> {
  const kinds = new Set(volumes.map(({ kind }) => kind));
  if (kinds.has('directory')) await attachFolders(context, machine);
  if (kinds.has('nfs')) await prepareNfs(context, machine);
  let folder = 0;
  for (const [index, volume] of volumes.entries()) {
    if (volume.kind === 'scratch') continue;
    if (volume.kind === 'directory') await bindInside(machine, foldersPlace, String(folder++), index, volume);
    else await attachExport(machine, volume, index);
    // It keeps what it has; scratch begins with what the image has there.
    await machine.agent.call('write', `${volumeFolder(index)}.filled`, 0o600, '');
  }
}

async function attachFolders(context: Context, machine: Machine): Promise<void> {
  await loadModules(context, machine, 'directory');
  const code = await step(machine, 'attach', MOUNT_PATIENCE, 'virtiofs', foldersTag, '', foldersPlace);
  if (code !== 0) throw new DriverError('volume', `Directories of the host cannot be mounted (${wordsFor(code)}).`);
}

async function prepareNfs(context: Context, machine: Machine): Promise<void> {
  await loadModules(context, machine, 'nfs');
  // A server tells its clients apart by this; addresses and names are the same in each installation.
  await machine.agent.call('write', '/sys/module/nfs/parameters/nfs4_unique_id', 0, randomUUID());
}

async function loadModules({ guest }: Context, machine: Machine, kind: 'directory' | 'nfs'): Promise<void> {
  const file = `/run/module-${kind}`;
  for (const data of await volumeModules(guest, kind)) {
    await writeLarge(machine, file, data);
    await machine.agent.call('module', file);
  }
  await machine.agent.call('remove', file);
}

async function attachExport(machine: Machine, volume: Export, index: number): Promise<void> {
  const { server, path, subPath = [] } = volume;
  const address = await addressOf(server);
  const options = `${nfsOptions},addr=${address},clientaddr=${machine.address}`;
  const place = exportPlace(index);
  const code = await step(machine, 'attach', MOUNT_PATIENCE, 'nfs4', `${server}:${path}`, options, place);
  if (code !== 0)
    throw new DriverError('volume', `The export ${server}:${path} cannot be mounted (${wordsFor(code)}).`);
  await bindInside(machine, place, subPath.length === 0 ? '.' : subPath.join('/'), index, volume);
}

/**
 * What EFS recommends (https://docs.aws.amazon.com/efs/latest/ug/mounting-fs-nfs-mount-settings.html), from a privileged
 * port as servers ask for by default. Version 4.1 needs nothing that listens in the guest.
 */
const nfsOptions = 'vers=4.1,proto=tcp,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2';

/** Machines have no IPv6, and reach nothing of their own host. */
async function addressOf(server: string): Promise<string> {
  const address = isIPv4(server)
    ? server
    : await lookup(server, { family: 4 }).then(
        (found) => found.address,
        (cause: unknown) => {
          throw new DriverError('volume', `The NFS server ${server} has no IPv4 address.`, { cause });
        },
      );
  const own = Object.values(networkInterfaces()).flatMap((found) => (found ?? []).map((each) => each.address));
  if (address.startsWith('127.') || address === '0.0.0.0' || own.includes(address))
    throw new DriverError(
      'volume',
      `The NFS server ${address} is the worker's own host, which tasks do not reach: name the directory instead.`,
    );
  return address;
}

async function bindInside(machine: Machine, root: string, path: string, index: number, volume: VolumeConfig) {
  const code = await step(machine, 'bind-inside', MOUNT_PATIENCE, root, path, volumeFolder(index));
  if (code === 0) return;
  const shown = volume.kind === 'nfs' ? `/${(volume.subPath ?? []).join('/')}` : volume.name;
  throw new DriverError('volume', `${shown}: ${wordsFor(code)}.`);
}

/** Returns errno, or more. */
async function step({ agent }: Machine, name: string, seconds: number, ...words: readonly string[]): Promise<number> {
  return await runInGuest(agent, `${name}-${randomUUID()}`, [name, String(seconds), ...words]);
}

function wordsFor(code: number): string {
  const { ELOOP, ENOTDIR, EXDEV } = constants.errno;
  if (code === ELOOP || code === ENOTDIR || code === EXDEV) return 'not a directory of the volume';
  if (code === OUT_OF_TIME) return `no answer in ${MOUNT_PATIENCE} seconds`;
  return getSystemErrorMap().get(-code)?.[1] ?? `error ${code}`;
}

/** What the task wrote leaves the machine, as far as servers let it. */
export async function detachVolumes(context: Context, machine: Machine): Promise<void> {
  const { agent, record } = machine;
  const outside = record.sandbox?.outside ?? [];
  if (outside.length === 0 || record.ended) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), (DETACH_PATIENCE + 5) * 1000);
  });
  const detach = async () => {
    await agent.call('write', `${taskGroup}/cgroup.kill`, 0, '1');
    const places = outside.flatMap((index) => [volumeFolder(index), exportPlace(index)]);
    return await step(machine, 'detach', DETACH_PATIENCE, ...places, foldersPlace);
  };
  await Promise.race([detach(), late, machine.ended])
    .catch((error: unknown) => context.log.warn({ error, address: machine.address }, 'volumes were not given back'))
    .finally(() => clearTimeout(timer));
}
