/** What a registration looks like once it is stored: as it was sent, plus ECS's defaults and what ECS computes. */
import type { Compatibility, ContainerDefinition, PortMapping, Volume } from '@aws-sdk/client-ecs';
import type { TaskDefinitionBody } from '../../../core/task-definition.ts';
import { requiredAttributes } from './attributes.ts';
import { containersOf, type Definition, isRequired } from './rules.ts';
import { parseCpu, parseMemory } from './size.ts';
import { suitsFargate } from './validate.ts';

/**
 * @param definition one that assertRegistrable let pass
 * @param registeredBy ARN of the principal
 */
export function normalise(definition: Definition, registeredBy: string): TaskDefinitionBody {
  const { tags: _, cpu, memory, taskRoleArn, executionRoleArn, ...rest } = definition;
  return {
    ...rest,
    family: definition.family ?? '',
    containerDefinitions: containersOf(definition).map((container) => normalContainer(container, definition)),
    volumes: (definition.volumes ?? []).map(normalVolume),
    placementConstraints: definition.placementConstraints ?? [],
    compatibilities: compatibilitiesOf(definition),
    requiresAttributes: requiredAttributes(definition),
    enableFaultInjection: definition.enableFaultInjection ?? false,
    registeredBy,
    ...(cpu !== undefined && { cpu: String(parseCpu(cpu)) }),
    ...(memory !== undefined && { memory: String(parseMemory(memory)) }),
    ...(taskRoleArn && { taskRoleArn }),
    ...(executionRoleArn && { executionRoleArn }),
  };
}

/** In ECS's own order, which depends on whether the registration names a platform. */
function compatibilitiesOf(definition: Definition): Compatibility[] {
  const { networkMode, runtimePlatform } = definition;
  const fargate: Compatibility[] = suitsFargate(definition) ? ['FARGATE'] : [];
  if (networkMode !== 'awsvpc' && !isRequired(definition, 'MANAGED_INSTANCES')) return ['EXTERNAL', 'EC2', ...fargate];
  if (runtimePlatform?.operatingSystemFamily?.startsWith('WINDOWS')) return ['EC2', ...fargate];
  const both = isRequired(definition, 'FARGATE') && isRequired(definition, 'MANAGED_INSTANCES');
  const host: Compatibility[] = networkMode === 'awsvpc' ? [] : ['EXTERNAL'];
  return runtimePlatform || both
    ? [...host, 'EC2', ...fargate, 'MANAGED_INSTANCES']
    : [...host, 'EC2', 'MANAGED_INSTANCES', ...fargate];
}

function normalContainer(container: ContainerDefinition, definition: Definition): ContainerDefinition {
  const { healthCheck } = container;
  return {
    ...container,
    cpu: container.cpu ?? 0,
    essential: container.essential ?? true,
    portMappings: (container.portMappings ?? []).map((mapping) => normalPort(mapping, definition)),
    environment: container.environment ?? [],
    mountPoints: container.mountPoints ?? [],
    volumesFrom: container.volumesFrom ?? [],
    systemControls: container.systemControls ?? [],
    ...(healthCheck && {
      healthCheck: {
        ...healthCheck,
        interval: healthCheck.interval ?? 30,
        timeout: healthCheck.timeout ?? 5,
        retries: healthCheck.retries ?? 3,
      },
    }),
  };
}

function normalPort(mapping: PortMapping, { networkMode = 'bridge' }: Definition): PortMapping {
  const protocol = mapping.protocol ?? 'tcp';
  if (mapping.containerPortRange !== undefined) return { ...mapping, protocol };
  const hostPort = networkMode === 'bridge' ? (mapping.hostPort ?? 0) : mapping.containerPort;
  return { ...mapping, hostPort, protocol };
}

function normalVolume(volume: Volume): Volume {
  const { efsVolumeConfiguration: efs } = volume;
  if (efs) return { ...volume, efsVolumeConfiguration: { ...efs, rootDirectory: efs.rootDirectory || '/' } };
  const isBindMount =
    !volume.configuredAtLaunch &&
    volume.dockerVolumeConfiguration === undefined &&
    volume.fsxWindowsFileServerVolumeConfiguration === undefined &&
    volume.s3filesVolumeConfiguration === undefined;
  return isBindMount ? { ...volume, host: volume.host ?? {} } : volume;
}
