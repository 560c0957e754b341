/** RunTask's members that need nothing but themselves to be judged. */
import type { RunTaskRequest } from '@aws-sdk/client-ecs';
import { invalidParameter } from '../errors.ts';

const mostTasks = 10;
const longest = { startedBy: 128, clientToken: 64, group: 255 } as const;

/** @throws InvalidParameterException */
export function validCount(count: number | undefined): number {
  if (count === undefined) return 1;
  if (count < 1 || count > mostTasks) throw invalidParameter(`count must be between 1 and ${mostTasks}.`);
  return count;
}

/** @throws InvalidParameterException */
export function validStartedBy(startedBy: string | undefined): string | undefined {
  if (startedBy === undefined || startedBy === '') return undefined;
  if (startedBy.length > longest.startedBy) throw invalidParameter(`startedBy longer than ${longest.startedBy}.`);
  if (!/^[A-Za-z0-9_/-]+$/.test(startedBy))
    throw invalidParameter(
      'startedBy contains invalid characters. Letters, numbers, hyphens, forward slashes and underscores are allowed.',
    );
  return startedBy;
}

/** @throws InvalidParameterException */
export function validClientToken(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  if (token.length > longest.clientToken) throw invalidParameter(`clientToken longer than ${longest.clientToken}.`);
  if (!/^[!-~]+$/.test(token))
    throw invalidParameter('clientToken must consist of characters in the range of 33 to 126, and not be empty.');
  return token;
}

/**
 * The group that a task belongs to. What begins with `service:` or names another family is ECS's own to give.
 * @throws InvalidParameterException
 */
export function validGroup(group: string | undefined, family: string): string {
  const ownFamily = `family:${family}`;
  if (group === undefined || group === '' || group === ownFamily) return ownFamily;
  if (group.length > longest.group) throw invalidParameter(`group longer than ${longest.group}.`);
  for (const prefix of ['family:', 'service:'])
    if (group.startsWith(prefix)) throw invalidParameter(`Task group names cannot start with '${prefix}': ${group}`);
  return group;
}

/**
 * Members that ECS knows but that nothing on Fargate, or nothing here, can honour.
 * @throws InvalidParameterException for what ECS refuses, UnsupportedFeatureException for what Longshore does
 */
export function refuseUnusable(input: RunTaskRequest): void {
  if (input.placementConstraints?.length)
    throw invalidParameter('Placement constraints are not supported with FARGATE launch type.');
  if (input.placementStrategy?.length)
    throw invalidParameter('Placement strategies are not supported with FARGATE launch type.');
  if (input.propagateTags === 'SERVICE')
    throw invalidParameter('Tags can be propagated from a service only to the tasks that the service starts.');
}
