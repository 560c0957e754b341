/** Roles and the sessions of those who assumed one, as ARNs. */
import { partitionOf } from './arn.ts';
import type { Scope } from './scope.ts';

/** The ARN of a role that is given by its ARN or by its name alone. */
export function roleArn({ accountId, region }: Scope, role: string): string {
  return role.startsWith('arn:') ? role : `arn:${partitionOf(region)}:iam::${accountId}:role/${role}`;
}

/** For example `arn:aws:sts::000000000000:assumed-role/web/0123456789abcdef`: without the role's path. */
export function assumedRoleArn({ accountId, region }: Scope, role: string, sessionName: string): string {
  return `arn:${partitionOf(region)}:sts::${accountId}:assumed-role/${role.split('/').at(-1)}/${sessionName}`;
}
