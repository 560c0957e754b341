/** ARNs of ECS resources, made in one place. */
import type { Scope } from './scope.ts';

export const resourceTypes = [
  'cluster',
  'service',
  'task',
  'container',
  'container-instance',
  'task-definition',
  'task-set',
  'capacity-provider',
  'service-deployment',
  'service-revision',
] as const;

export type ResourceType = (typeof resourceTypes)[number];

const partitions: readonly (readonly [prefix: string, partition: string])[] = [
  ['cn-', 'aws-cn'],
  ['us-gov-', 'aws-us-gov'],
  ['us-isob-', 'aws-iso-b'],
  ['us-isof-', 'aws-iso-f'],
  ['us-iso-', 'aws-iso'],
  ['eu-isoe-', 'aws-iso-e'],
  ['eusc-', 'aws-eusc'],
];

/** The AWS partition that a region belongs to, for example `aws-cn` for `cn-north-1`. */
export function partitionOf(region: string): string {
  return partitions.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'aws';
}

export function ecsArn(scope: Scope, type: ResourceType, ...path: readonly string[]): string {
  return `arn:${partitionOf(scope.region)}:ecs:${scope.region}:${scope.accountId}:${type}/${path.join('/')}`;
}

export function clusterArn(scope: Scope, cluster: string): string {
  return ecsArn(scope, 'cluster', cluster);
}

export function serviceArn(scope: Scope, cluster: string, service: string): string {
  return ecsArn(scope, 'service', cluster, service);
}

export function taskArn(scope: Scope, cluster: string, taskId: string): string {
  return ecsArn(scope, 'task', cluster, taskId);
}

export function containerArn(scope: Scope, cluster: string, taskId: string, id: string): string {
  return ecsArn(scope, 'container', cluster, taskId, id);
}

export function containerInstanceArn(scope: Scope, cluster: string, id: string): string {
  return ecsArn(scope, 'container-instance', cluster, id);
}

export function taskDefinitionArn(scope: Scope, family: string, revision: number | string): string {
  return ecsArn(scope, 'task-definition', `${family}:${revision}`);
}

export function capacityProviderArn(scope: Scope, provider: string): string {
  return ecsArn(scope, 'capacity-provider', provider);
}
