/** Fargate's platform versions, and what a task may ask of each. */
import { PlatformTaskDefinitionIncompatibilityException, PlatformUnknownException } from '@aws-sdk/client-ecs';
import type { EffectiveTask } from '../../../core/overrides.ts';
import type { TaskDefinitionBody } from '../../../core/task-definition.ts';

export interface Platform {
  readonly platformVersion: '1.4.0' | '1.3.0';
  readonly platformFamily: 'Linux';
  readonly cpuArchitecture: 'X86_64' | 'ARM64';
}

/** What the platform version has to carry. */
export interface PlatformNeeds {
  readonly definition: TaskDefinitionBody;
  readonly task: EffectiveTask;
  readonly enableExecuteCommand: boolean;
}

/**
 * @param requested RunTask's platformVersion
 * @throws PlatformUnknownException, PlatformTaskDefinitionIncompatibilityException
 */
export function choosePlatform(requested: string | undefined, needs: PlatformNeeds): Platform {
  const platformVersion = resolveVersion(requested);
  const { operatingSystemFamily = 'LINUX', cpuArchitecture = 'X86_64' } = needs.definition.runtimePlatform ?? {};
  if (operatingSystemFamily !== 'LINUX')
    throw incompatible(`Tasks with the operating system family ${operatingSystemFamily} are not supported.`);
  if (platformVersion === '1.3.0' && newSince1_4_0.some((isUsed) => isUsed(needs)))
    throw incompatible('One or more of the requested capabilities are not supported.');
  return { platformVersion, platformFamily: 'Linux', cpuArchitecture };
}

function resolveVersion(requested: string | undefined): Platform['platformVersion'] {
  if (requested === undefined || requested === '' || requested === 'LATEST') return '1.4.0';
  if (requested === '1.4.0' || requested === '1.3.0') return requested;
  throw new PlatformUnknownException({ message: 'The specified platform does not exist.', $metadata: {} });
}

function incompatible(message: string): PlatformTaskDefinitionIncompatibilityException {
  return new PlatformTaskDefinitionIncompatibilityException({ message, $metadata: {} });
}

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-fargate.html */
const newSince1_4_0: readonly ((needs: PlatformNeeds) => boolean)[] = [
  ({ enableExecuteCommand }) => enableExecuteCommand,
  ({ task }) => task.cpu > 4096,
  ({ task }) => task.ephemeralStorageGiB > 20,
  ({ definition }) => definition.runtimePlatform?.cpuArchitecture === 'ARM64',
  ({ definition }) => definition.pidMode !== undefined,
  ({ definition }) => definition.volumes?.some((volume) => volume.efsVolumeConfiguration !== undefined) ?? false,
  ({ definition }) =>
    definition.containerDefinitions?.some(
      (container) =>
        container.environmentFiles?.length ||
        container.systemControls?.length ||
        container.restartPolicy?.enabled ||
        container.linuxParameters?.capabilities?.add?.length,
    ) ?? false,
];
