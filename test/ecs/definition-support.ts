/** Registrations that tests start from. */
import type { ContainerDefinition, RegisterTaskDefinitionCommandInput } from '@aws-sdk/client-ecs';

export type Registration = RegisterTaskDefinitionCommandInput;

export const role = 'arn:aws:iam::000000000000:role/execution';

/** The least that Fargate runs. */
export function fargate(changes: Partial<Registration> = {}): Registration {
  return {
    family: 'web',
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '256',
    memory: '512',
    containerDefinitions: [{ name: 'app', image: 'busybox' }],
    ...changes,
  };
}

/** As fargate(), with these changes of its one container. */
export function fargateContainer(container: Partial<ContainerDefinition>, changes: Partial<Registration> = {}) {
  return fargate({ containerDefinitions: [{ name: 'app', image: 'busybox', ...container }], ...changes });
}

export function bridge(
  container: Partial<ContainerDefinition> = {},
  changes: Partial<Registration> = {},
): Registration {
  return {
    family: 'web',
    containerDefinitions: [{ name: 'app', image: 'busybox', memory: 128, ...container }],
    ...changes,
  };
}
