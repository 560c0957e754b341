/** Rules that hold for what is to run on Fargate: what it needs, and what it does not have. */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import { containersOf, type Definition, forEachContainer, isOutside, isUsed, isWindows, type Rule } from './rules.ts';
import { isFargateSize, parseCpu, parseMemory } from './size.ts';

export const fargateTaskRule: Rule = function* (definition) {
  const { networkMode, pidMode, ipcMode, ephemeralStorage, placementConstraints = [] } = definition;
  if (networkMode !== 'awsvpc') yield 'Fargate only supports network mode ‘awsvpc’.';
  yield* sizeViolations(definition);
  if (ipcMode !== undefined) yield 'Tasks using the Fargate launch type do not support ipcMode.';
  if (pidMode === 'host')
    yield "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.";
  if (isOutside(ephemeralStorage?.sizeInGiB, 21, 200))
    yield `EphemeralStorage size should be at ${(ephemeralStorage?.sizeInGiB ?? 0) < 21 ? 'least 21' : 'most 200'}`;
  if (placementConstraints.length > 0)
    yield 'Tasks using the Fargate launch type do not support placement constraints.';
  if (definition.inferenceAccelerators?.length)
    yield 'Tasks using the Fargate launch type do not support inference accelerators.';
};

function* sizeViolations(definition: Definition): Iterable<string> {
  const { cpu, memory } = definition;
  if (cpu === undefined) yield "Fargate requires that 'cpu' be defined at the task level.";
  if (memory === undefined) yield "Fargate requires that 'memory' be defined at the task level.";
  if (cpu === undefined || memory === undefined) return;
  const [units, mebibytes] = [parseCpu(cpu), parseMemory(memory)];
  if (units === undefined || mebibytes === undefined) return; // taskSizeRule's to say
  if (!isFargateSize(units, mebibytes) || (isWindows(definition) && units < 1024))
    yield `No Fargate configuration exists for given values: ${units} CPU, ${mebibytes} memory. See the Amazon ECS documentation for the valid values.`;
}

const supportedWindows = /^WINDOWS_SERVER_(2019|2022|2025)_(FULL|CORE)$/;

export const fargatePlatformRule: Rule = function* (definition) {
  const { operatingSystemFamily } = definition.runtimePlatform ?? {};
  if (operatingSystemFamily === undefined || !isWindows(definition)) return;
  if (!supportedWindows.test(operatingSystemFamily))
    yield `Fargate does not support operating system family '${operatingSystemFamily}'.`;
  if (definition.pidMode !== undefined) yield 'Fargate does not support pidMode for Windows containers.';
};

const ecrImage =
  /^\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|on\.(aws|amazonwebservices\.com\.cn))\//;

export function isEcrImage(image: string | undefined): boolean {
  return image !== undefined && ecrImage.test(image);
}

const unsupported = [
  'disableNetworking',
  'dnsSearchDomains',
  'dnsServers',
  'dockerSecurityOptions',
  'privileged',
] as const satisfies readonly (keyof ContainerDefinition)[];

export const fargateContainerRule: Rule = forEachContainer(function* (container) {
  for (const setting of unsupported)
    if (isUsed(container[setting])) yield `Tasks using the Fargate launch type do not support ${setting}.`;
  if (container.resourceRequirements?.some(({ type }) => type === 'GPU'))
    yield 'Tasks using the Fargate launch type do not support GPU resource requirements';
  if (container.resourceRequirements?.some(({ type }) => type !== 'GPU'))
    yield 'Tasks using the Fargate launch type do not support this type of resource requirement.';
  if ((container.stopTimeout ?? 0) > 120)
    yield 'Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds.';
  yield* kernelViolations(container);
});

function* kernelViolations({ linuxParameters = {}, ulimits = [] }: ContainerDefinition): Iterable<string> {
  const { capabilities, devices = [], sharedMemorySize, maxSwap, swappiness } = linuxParameters;
  const added = capabilities?.add?.filter((capability) => capability !== 'SYS_PTRACE') ?? [];
  if (added.length > 0)
    yield `Tasks using the Fargate launch type only support adding the SYS_PTRACE kernel capability: ${added.join(', ')}`;
  if (devices.length > 0) yield 'Tasks using the Fargate launch type do not support linuxParameters.devices.';
  for (const [setting, value] of Object.entries({ sharedMemorySize, maxSwap, swappiness }))
    if (value !== undefined) yield `Tasks using the Fargate launch type do not support linuxParameters.${setting}.`;
  const files = ulimits.find(({ name }) => name === 'nofile');
  if (isOutside(files?.hardLimit, 0, 1_048_576))
    yield 'Tasks using the Fargate launch type support a nofile hard limit of at most 1048576.';
}

const logDrivers = ['awslogs', 'splunk', 'awsfirelens'];

export const fargateLogRule: Rule = forEachContainer(function* ({ logConfiguration: log, firelensConfiguration }) {
  if (log?.logDriver !== undefined && !logDrivers.includes(log.logDriver))
    yield `Tasks using the Fargate launch type do not support log driver '${log.logDriver}'. Supported log drivers are: ${logDrivers.join(', ')}.`;
  if (log?.logDriver === 'awslogs' && !log.options?.['awslogs-stream-prefix'])
    yield 'Log driver awslogs requires option awslogs-stream-prefix when using the Fargate launch type.';
  if (firelensConfiguration?.options?.['config-file-type'] === 's3')
    yield "Tasks using the Fargate launch type only support config-file-type 'file' in firelensConfiguration.";
});

export const fargateVolumeRule: Rule = function* ({ volumes = [] }) {
  for (const { name, host, dockerVolumeConfiguration, fsxWindowsFileServerVolumeConfiguration } of volumes) {
    if (host?.sourcePath !== undefined)
      yield `Tasks using the Fargate launch type do not support host.sourcePath: volume '${name}'.`;
    if (dockerVolumeConfiguration)
      yield `Tasks using the Fargate launch type do not support Docker volumes: volume '${name}'.`;
    if (fsxWindowsFileServerVolumeConfiguration)
      yield `Tasks using the Fargate launch type do not support FSx for Windows File Server volumes: volume '${name}'.`;
  }
};

const needsRole = 'Fargate requires task definition to have execution role ARN to support';

/** What Fargate itself must fetch or send for a container, it does with the execution role. */
export const fargateRoleRule: Rule = function* (definition) {
  if (definition.executionRoleArn) return;
  const containers = containersOf(definition);
  if (containers.some(({ image }) => isEcrImage(image))) yield `${needsRole} ECR images.`;
  if (containers.some(({ logConfiguration }) => logConfiguration?.logDriver === 'awslogs'))
    yield `${needsRole} log driver awslogs.`;
  if (containers.some(({ repositoryCredentials }) => repositoryCredentials !== undefined))
    yield `${needsRole} private registry authentication.`;
  if (containers.some(({ environmentFiles }) => environmentFiles?.length)) yield `${needsRole} environment files.`;
};

/** Holds for every launch type. */
export const secretRoleRule: Rule = function* (definition) {
  const used = containersOf(definition).some(
    ({ secrets, logConfiguration }) => secrets?.length || logConfiguration?.secretOptions?.length,
  );
  if (used && !definition.executionRoleArn)
    yield "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.";
};
