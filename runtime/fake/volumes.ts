/** Simulated volumes hold nothing: what can be wrong with them is told as a real engine would. */
import { type ContainerConfig, DriverError, type SandboxConfig } from '../driver.ts';

/** @throws DriverError kind volume */
export function checkVolumes({ volumes = [] }: Pick<SandboxConfig, 'volumes'>): void {
  for (const volume of volumes) {
    if (!/^[A-Za-z0-9_.-]{1,255}$/.test(volume.name) || /^\.\.?$/.test(volume.name))
      throw new DriverError('volume', `"${volume.name}" is not a valid volume name.`);
    if (volume.kind === 'scratch') continue;
    if (!volume.path.startsWith('/') || volume.path.split('/').includes('..'))
      throw new DriverError('volume', `${volume.path} is not an absolute path without "..".`);
    const bad = volume.subPath?.find((name) => name === '' || /^\.\.?$/.test(name) || name.includes('/'));
    if (bad !== undefined) throw new DriverError('volume', `"${bad}" is not the name of a folder.`);
    if (volume.kind === 'directory' && volume.path === '/')
      throw new DriverError('volume', 'The directory is a part of the host that no container may see.');
  }
}

/** @throws DriverError kind create */
export function checkMounts(
  { mounts = [], mountsFrom = [], sandboxId }: Pick<ContainerConfig, 'mounts' | 'mountsFrom' | 'sandboxId'>,
  { volumes = [] }: Pick<SandboxConfig, 'volumes'>,
  containers: readonly string[],
): void {
  for (const { volume } of mounts)
    if (!volumes.some(({ name }) => name === volume))
      throw new DriverError('create', `There is no volume ${volume} in sandbox ${sandboxId}.`);
  for (const { container } of mountsFrom)
    if (!containers.includes(container))
      throw new DriverError('create', `There is no container ${container} in sandbox ${sandboxId} to mount from.`);
}
