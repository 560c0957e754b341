/** What a definition may say and Longshore cannot do yet: such a task is refused, never run without it. */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import type { TaskDefinitionBody } from '../../../core/task-definition.ts';
import { unsupportedFeature } from '../errors.ts';

type Rule<Subject> = readonly [feature: string, used: (subject: Subject) => unknown];

const taskRules: readonly Rule<TaskDefinitionBody>[] = [
  ['volumes.s3filesVolumeConfiguration', ({ volumes }) => volumes?.some((volume) => volume.s3filesVolumeConfiguration)],
  ['proxyConfiguration', ({ proxyConfiguration }) => proxyConfiguration],
  ['enableFaultInjection', ({ enableFaultInjection }) => enableFaultInjection],
];

const containerRules: readonly Rule<ContainerDefinition>[] = [
  // Fargate takes a file of the image only.
  [
    'firelensConfiguration config-file-type s3',
    ({ firelensConfiguration }) => firelensConfiguration?.options?.['config-file-type'] === 's3',
  ],
  ['linuxParameters.sharedMemorySize', ({ linuxParameters }) => linuxParameters?.sharedMemorySize],
  ['linuxParameters.devices', ({ linuxParameters }) => linuxParameters?.devices?.length],
  ['credentialSpecs', ({ credentialSpecs }) => credentialSpecs?.length],
];

/**
 * @param definition with the request's overrides
 * @throws UnsupportedFeatureException that names every feature at once
 */
export function refuseUnbuilt(definition: TaskDefinitionBody): void {
  const containers = definition.containerDefinitions ?? [];
  const features = [
    ...taskRules.filter(([, used]) => used(definition)),
    ...containerRules.filter(([, used]) => containers.some(used)),
  ].map(([feature]) => feature);
  if (features.length > 0) {
    throw unsupportedFeature(
      `Longshore does not run tasks with ${features.join(', ')} yet. Remove this from the task definition and try again.`,
    );
  }
}
