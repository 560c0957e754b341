/** ECS's volumes and mount points in the runtime's words. */
import type { ContainerDefinition, EFSVolumeConfiguration } from '@aws-sdk/client-ecs';
import { EfsError, type EfsFileSystems, locateEfs } from '../core/efs.ts';
import type { TaskDefinitionBody } from '../core/task-definition.ts';
import { type ContainerConfig, DriverError, type VolumeConfig } from '../runtime/driver.ts';

const MiB = 2 ** 20;

/**
 * The volumes of a task.
 * @param efs read only when the task needs it
 * @throws DriverError kind volume when an EFS volume has no place
 */
export function volumeConfigs(
  { volumes = [] }: Pick<TaskDefinitionBody, 'volumes'>,
  efs: () => EfsFileSystems = () => new Map(),
): readonly VolumeConfig[] {
  return volumes.map(({ name = '', efsVolumeConfiguration }) =>
    efsVolumeConfiguration ? efsVolume(name, efsVolumeConfiguration, efs) : { kind: 'scratch', name },
  );
}

function efsVolume(name: string, configuration: EFSVolumeConfiguration, efs: () => EfsFileSystems): VolumeConfig {
  try {
    const { source, subPath } = locateEfs(efs(), configuration);
    return { name, ...source, ...(subPath.length > 0 ? { subPath } : {}) };
  } catch (error) {
    if (!(error instanceof EfsError)) throw error;
    throw new DriverError('volume', error.message, { cause: error });
  }
}

/** What a container mounts: volumes, those of other containers, memory. */
export function mountConfig({
  mountPoints = [],
  volumesFrom = [],
  linuxParameters,
}: ContainerDefinition): Pick<ContainerConfig, 'mounts' | 'mountsFrom' | 'memoryMounts'> {
  const memory = linuxParameters?.tmpfs ?? [];
  return {
    ...(mountPoints.length > 0 && {
      mounts: mountPoints.map(({ sourceVolume = '', containerPath = '', readOnly = false }) => ({
        volume: sourceVolume,
        path: containerPath,
        readOnly,
      })),
    }),
    ...(volumesFrom.length > 0 && {
      mountsFrom: volumesFrom.map(({ sourceContainer = '', readOnly = false }) => ({
        container: sourceContainer,
        readOnly,
      })),
    }),
    ...(memory.length > 0 && {
      memoryMounts: memory.map(({ containerPath = '', size = 0, mountOptions = [] }) => ({
        path: containerPath,
        size: size * MiB,
        options: mountOptions,
      })),
    }),
  };
}
