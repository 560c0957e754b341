/** ARNs of ECS resources: made, parsed, and resolved to the names that the store knows. */
import { partitionOf, type ResourceType } from '../../core/arn.ts';
import type { Scope } from '../../core/scope.ts';
import { clusterNotFound, invalidParameter } from './errors.ts';

export interface Arn extends Scope {
  readonly partition: string;
  readonly service: string;
  /** The resource's first word, whether or not ECS has such a type. */
  readonly type: string;
  /** What follows the type, split at slashes; at least one element, none empty. */
  readonly path: readonly string[];
}

/** undefined: not an ARN, or one with an empty part. */
export function parseArn(text: string): Arn | undefined {
  const match = /^arn:([^:]+):([^:]+):([^:]*):([^:]*):([^:/]+)\/(.+)$/.exec(text);
  if (match === null) return undefined;
  const [, partition = '', service = '', region = '', accountId = '', type = '', rest = ''] = match;
  const path = rest.split('/');
  return path.includes('') ? undefined : { partition, service, region, accountId, type, path };
}

export function isSameScope(a: Scope, b: Scope): boolean {
  return a.accountId === b.accountId && a.region === b.region;
}

const name = /^[A-Za-z0-9_-]{1,255}$/;

/** Letters, digits, `_` and `-`, up to 255: the form of cluster, family, service and container names. */
export function isName(text: string): boolean {
  return name.test(text);
}

/**
 * What a request's identifier names: the path of an ARN of that type in this scope, or the short form split at slashes.
 * `foreign`: an ARN of another account, region, or partition, which nothing here can be.
 * @throws InvalidParameterException for an ARN of another type and for what cannot be an identifier
 */
export function resolveIdentifier(
  scope: Scope,
  type: ResourceType,
  identifier: string,
): { readonly path: readonly string[]; readonly isArn: boolean } | 'foreign' {
  if (!identifier.startsWith('arn:')) {
    const path = identifier.split('/');
    if (path.includes('')) throw invalidParameter('Invalid identifier: Identifier is empty or has an empty part');
    return { path, isArn: false };
  }
  const parsed = parseArn(identifier);
  if (parsed === undefined || parsed.path.some((part) => part.includes(':') && type !== 'task-definition'))
    throw invalidParameter('Invalid identifier: Unexpected number of separators');
  if (parsed.service !== 'ecs' || parsed.type !== type)
    throw invalidParameter(`Invalid identifier: Expected the ARN of a ${type}: ${identifier}`);
  if (!isSameScope(parsed, scope) || parsed.partition !== partitionOf(scope.region)) return 'foreign';
  return { path: parsed.path, isArn: true };
}

export const defaultCluster = 'default';

/**
 * Name of the cluster that a request's `cluster` names; `default` when it names none. undefined: an ARN of another
 * account or region.
 * @throws InvalidParameterException for what cannot name a cluster
 */
export function findClusterName(scope: Scope, identifier: string | undefined): string | undefined {
  if (identifier === undefined || identifier === '') return defaultCluster;
  const resolved = resolveIdentifier(scope, 'cluster', identifier);
  if (resolved === 'foreign') return undefined;
  const [cluster = '', ...more] = resolved.path;
  if (more.length > 0) throw invalidParameter('Invalid identifier: Unexpected number of separators');
  if (!isName(cluster)) throw invalidParameter(`Invalid identifier: Identifier is not a valid name: ${cluster}`);
  return cluster;
}

/**
 * As findClusterName.
 * @throws ClusterNotFoundException for an ARN of another account or region
 */
export function resolveClusterName(scope: Scope, identifier: string | undefined): string {
  const cluster = findClusterName(scope, identifier);
  if (cluster === undefined) throw clusterNotFound();
  return cluster;
}

/**
 * Id of the resource that a `task`, `service` or `container-instance` identifier names within a cluster: short id, or
 * ARN in its long (`type/cluster/id`) or old (`type/id`) form. undefined: an ARN of another account, region or cluster.
 * @throws InvalidParameterException for what cannot name one
 */
export function findIdInCluster(
  scope: Scope,
  cluster: string,
  type: 'task' | 'service' | 'container-instance',
  identifier: string,
): string | undefined {
  const resolved = resolveIdentifier(scope, type, identifier);
  if (resolved === 'foreign') return undefined;
  const { path, isArn } = resolved;
  const [first = '', second] = path;
  if (path.length > (isArn ? 2 : 1)) throw invalidParameter('Invalid identifier: Unexpected number of separators');
  if (second === undefined) return first;
  return first === cluster ? second : undefined;
}

export interface TaskDefinitionReference {
  readonly family: string;
  /** Absent: the newest ACTIVE revision. */
  readonly revision?: number;
}

/**
 * Reads `family`, `family:revision` or an ARN. undefined: an ARN of another account or region.
 * @throws InvalidParameterException for what cannot name a task definition
 */
export function parseTaskDefinitionReference(scope: Scope, identifier: string): TaskDefinitionReference | undefined {
  const resolved = resolveIdentifier(scope, 'task-definition', identifier);
  if (resolved === 'foreign') return undefined;
  const [text = '', ...more] = resolved.path;
  const [family = '', revision, ...rest] = text.split(':');
  if (more.length > 0 || rest.length > 0) throw invalidParameter('Invalid identifier: Unexpected number of separators');
  if (!isName(family)) throw invalidParameter(`Invalid identifier: Identifier is not a valid name: ${family}`);
  if (revision === undefined) return { family };
  if (!/^\d{1,10}$/.test(revision) || Number(revision) < 1)
    throw invalidParameter(`Invalid revision number. Number: ${revision}`);
  return { family, revision: Number(revision) };
}
