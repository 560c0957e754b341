/** The capabilities that ECS reads out of a registration and lists as `requiresAttributes`. */
import type { Attribute, ContainerDefinition } from '@aws-sdk/client-ecs';
import { isEcrImage } from './fargate-rules.ts';
import { containersOf, type Definition } from './rules.ts';

const agent = 'com.amazonaws.ecs.capability';
const own = 'ecs.capability';

export function requiredAttributes(definition: Definition): Attribute[] {
  const names = new Set([
    ...taskCapabilities(definition),
    ...containersOf(definition).flatMap((container) => [...containerCapabilities(container, definition)]),
  ]);
  return [...names].map((name) => ({ name }));
}

function* taskCapabilities(definition: Definition): Iterable<string> {
  if (definition.taskRoleArn) {
    yield `${agent}.task-iam-role`;
    yield `${agent}.docker-remote-api.1.17`;
  }
  if (definition.networkMode === 'awsvpc') {
    yield `${own}.task-eni`;
    yield `${agent}.docker-remote-api.1.18`;
  }
  if (definition.pidMode !== undefined || definition.ipcMode !== undefined) yield `${own}.pid-ipc-namespace-sharing`;
  if (definition.proxyConfiguration) yield `${own}.aws-appmesh`;
  for (const { efsVolumeConfiguration, fsxWindowsFileServerVolumeConfiguration } of definition.volumes ?? []) {
    if (efsVolumeConfiguration) yield `${own}.efs`;
    if (efsVolumeConfiguration?.authorizationConfig) yield `${own}.efsAuth`;
    if (fsxWindowsFileServerVolumeConfiguration) yield `${own}.fsxWindowsFileServer`;
  }
}

function* containerCapabilities(container: ContainerDefinition, definition: Definition): Iterable<string> {
  const { image, logConfiguration, secrets = [], firelensConfiguration } = container;
  const hasRole = Boolean(definition.executionRoleArn);
  if (isEcrImage(image)) {
    yield `${agent}.ecr-auth`;
    yield `${agent}.docker-remote-api.1.19`;
    if (hasRole) yield `${own}.execution-role-ecr-pull`;
  }
  if (logConfiguration?.logDriver) {
    yield `${agent}.logging-driver.${logConfiguration.logDriver}`;
    yield `${agent}.docker-remote-api.1.19`;
    if (logConfiguration.logDriver === 'awslogs' && hasRole) yield `${own}.execution-role-awslogs`;
  }
  if (firelensConfiguration) yield `${own}.firelens.${firelensConfiguration.type}`;
  for (const { valueFrom = '' } of secrets)
    yield `${own}.secrets.${valueFrom.includes(':secretsmanager:') ? 'asm' : 'ssm'}.environment-variables`;
  for (const { valueFrom = '' } of logConfiguration?.secretOptions ?? [])
    yield `${own}.secrets.${valueFrom.includes(':secretsmanager:') ? 'asm' : 'ssm'}.bootstrap.log-driver`;
  if (container.repositoryCredentials) yield `${own}.private-registry-authentication.secretsmanager`;
  if (container.environmentFiles?.length) yield `${own}.env-files.s3`;
  if (container.healthCheck) yield `${own}.container-health-check`;
  if (container.dependsOn?.length) yield `${own}.container-ordering`;
  if (container.privileged) yield `${agent}.privileged-container`;
  if (container.memoryReservation !== undefined) yield `${agent}.docker-remote-api.1.21`;
}
