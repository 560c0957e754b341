/** The capabilities that ECS reads out of a registration and lists as `requiresAttributes`. */
import type { Attribute, ContainerDefinition } from '@aws-sdk/client-ecs';
import { isEcrImage } from './fargate-rules.ts';
import { containersOf, type Definition } from './rules.ts';

const agent = 'com.amazonaws.ecs.capability';
const own = 'ecs.capability';

/** Newer definitions of real accounts show which names follow from what; their order has no meaning. */
export function requiredAttributes(definition: Definition): Attribute[] {
  const names = new Set([
    ...containersOf(definition).flatMap((container) => [...containerCapabilities(container, definition)]),
    ...taskCapabilities(definition),
  ]);
  return [...names].map((name) => ({ name }));
}

function* taskCapabilities(definition: Definition): Iterable<string> {
  if (definition.taskRoleArn) yield `${agent}.task-iam-role`;
  if (definition.pidMode !== undefined || definition.ipcMode !== undefined) yield `${own}.pid-ipc-namespace-sharing`;
  if (definition.proxyConfiguration) yield `${own}.aws-appmesh`;
  for (const { efsVolumeConfiguration, fsxWindowsFileServerVolumeConfiguration } of definition.volumes ?? []) {
    if (efsVolumeConfiguration) {
      yield `${own}.efs`;
      yield `${own}.efsAuth`;
      yield `${agent}.docker-remote-api.1.25`;
    }
    if (fsxWindowsFileServerVolumeConfiguration) yield `${own}.fsxWindowsFileServer`;
  }
  if (definition.networkMode === 'awsvpc') {
    yield `${agent}.docker-remote-api.1.18`;
    yield `${own}.task-eni`;
  }
  if (definition.runtimePlatform) yield `${agent}.docker-remote-api.1.29`;
}

function* containerCapabilities(container: ContainerDefinition, definition: Definition): Iterable<string> {
  const { image, logConfiguration, secrets = [], firelensConfiguration, healthCheck } = container;
  const hasRole = Boolean(definition.executionRoleArn);
  if (logConfiguration?.logDriver) {
    yield `${agent}.logging-driver.${logConfiguration.logDriver}`;
    if (logConfiguration.logDriver === 'awslogs' && hasRole) yield `${own}.execution-role-awslogs`;
  }
  if (isEcrImage(image)) {
    yield `${agent}.ecr-auth`;
    if (hasRole) yield `${own}.execution-role-ecr-pull`;
  }
  if (logConfiguration?.logDriver) yield `${agent}.docker-remote-api.1.19`;
  if (container.memoryReservation !== undefined) yield `${agent}.docker-remote-api.1.21`;
  if (container.linuxParameters?.initProcessEnabled) yield `${agent}.docker-remote-api.1.25`;
  if (firelensConfiguration) yield `${own}.firelens.${firelensConfiguration.type}`;
  for (const { valueFrom = '' } of secrets) yield `${own}.secrets.${storeOf(valueFrom)}.environment-variables`;
  for (const { valueFrom = '' } of logConfiguration?.secretOptions ?? [])
    yield `${own}.secrets.${storeOf(valueFrom)}.bootstrap.log-driver`;
  if (container.repositoryCredentials) yield `${own}.private-registry-authentication.secretsmanager`;
  if (container.environmentFiles?.length) yield `${own}.env-files.s3`;
  if (healthCheck) {
    yield `${own}.container-health-check`;
    // Docker's API has health checks since 1.24, their startPeriod since 1.29.
    yield `${agent}.docker-remote-api.${healthCheck.startPeriod === undefined ? '1.24' : '1.29'}`;
  }
  if (container.dependsOn?.length) yield `${own}.container-ordering`;
  if (container.privileged) yield `${agent}.privileged-container`;
}

function storeOf(valueFrom: string): 'asm' | 'ssm' {
  return valueFrom.includes(':secretsmanager:') ? 'asm' : 'ssm';
}
