/** Volumes of a task that is to run: those that lie elsewhere must be known to. */
import { EfsError, type EfsFileSystems, locateEfs } from '../../../core/efs.ts';
import type { TaskDefinitionBody } from '../../../core/task-definition.ts';
import { invalidParameter, unsupportedFeature } from '../errors.ts';

/**
 * @param efs read only when the definition needs it
 * @throws UnsupportedFeatureException that names the setting which lacks a file system or access point
 */
export function refuseUnmappedVolumes(
  { volumes = [], containerDefinitions = [] }: TaskDefinitionBody,
  efs: () => EfsFileSystems = () => new Map(),
): void {
  for (const { name, efsVolumeConfiguration } of volumes) {
    if (!efsVolumeConfiguration) continue;
    if (efsVolumeConfiguration.rootDirectory?.split('/').includes('..'))
      throw invalidParameter(`EFS root directory of volume '${name}' must not contain '..'.`);
    try {
      locateEfs(efs(), efsVolumeConfiguration);
    } catch (error) {
      if (!(error instanceof EfsError)) throw error;
      throw unsupportedFeature(error.message);
    }
  }
  for (const { name, mountPoints = [], linuxParameters } of containerDefinitions)
    for (const { containerPath = '' } of [...mountPoints, ...(linuxParameters?.tmpfs ?? [])])
      if (!containerPath.startsWith('/') || /^\/[/.]*$/.test(containerPath))
        throw invalidParameter(`Container '${name}' cannot mount at '${containerPath}': the path must be absolute.`);
}
