/**
 * The credentials of a task's role. They last for six hours and are handed out until half an hour before their end, so
 * that whoever asks always has time left; SDKs ask again by themselves.
 */
import { createHmac, hkdfSync } from 'node:crypto';
import { assumedRoleArn, roleArn } from '../core/assumed-role.ts';
import type { Clock } from '../core/clock.ts';
import type { SessionCredentials, SessionIssuer } from '../core/session-credentials.ts';
import type { TaskSpec } from '../core/task.ts';

export interface RoleCredentials extends SessionCredentials {
  readonly roleArn: string;
}

/** A task as far as its role is concerned. */
export interface RoleHolder {
  readonly spec: Pick<TaskSpec, 'accountId' | 'region' | 'taskId'>;
  /** ARN or name; absent: the task has no role. */
  readonly taskRole: string | undefined;
}

export interface TaskRoles {
  /** What ends the path where a task gets its credentials: hard to guess, and the same after a restart. */
  credentialsId(task: RoleHolder): Promise<string>;
  /** undefined: the task has no role. */
  credentials(task: RoleHolder): Promise<RoleCredentials | undefined>;
  forget(task: RoleHolder): void;
}

/** Gets credentials for a role, in the name of one task. */
export type AssumeTaskRole = (task: RoleHolder, roleArn: string) => Promise<SessionCredentials>;

/** Seconds, as on Fargate. */
const lifetime = 6 * 3600;
/** Share of their life at whose beginning credentials are replaced: half an hour of six. */
const lastPart = 1 / 12;
/** Milliseconds that are left in any case. */
const leastLeft = 15 * 60_000;

export function createTaskRoles(readKey: () => Promise<Buffer>, assume: AssumeTaskRole, clock: Clock): TaskRoles {
  const held = new Map<string, { readonly issuedAt: number; readonly credentials: RoleCredentials }>();
  const pending = new Map<string, Promise<RoleCredentials>>();

  const isFresh = ({ issuedAt, credentials: { expiresAt } }: { issuedAt: number; credentials: RoleCredentials }) =>
    expiresAt - clock() > Math.max(leastLeft, (expiresAt - issuedAt) * lastPart);

  const renew = async (task: RoleHolder, role: string): Promise<RoleCredentials> => {
    const credentials = { ...(await assume(task, role)), roleArn: role };
    held.set(task.spec.taskId, { issuedAt: clock(), credentials });
    return credentials;
  };

  return {
    async credentialsId({ spec: { taskId } }) {
      const key = Buffer.from(hkdfSync('sha256', await readKey(), '', 'longshore credentials id', 32));
      const hex = createHmac('sha256', key).update(taskId).digest('hex');
      return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    },
    async credentials(task) {
      if (task.taskRole === undefined) return undefined;
      const { taskId } = task.spec;
      const known = held.get(taskId);
      if (known && isFresh(known)) return known.credentials;
      const running =
        pending.get(taskId) ?? renew(task, roleArn(task.spec, task.taskRole)).finally(() => pending.delete(taskId));
      pending.set(taskId, running);
      return await running;
    },
    forget: ({ spec: { taskId } }) => void held.delete(taskId),
  };
}

/**
 * Sessions of our own, which our own endpoint accepts. They belong to the account that the task runs in, whatever account
 * the role's ARN names: a definition gives nobody access to another's account.
 */
export function ownRoles(issuer: SessionIssuer): AssumeTaskRole {
  return async ({ spec }, role) => {
    const arn = assumedRoleArn(spec, role, spec.taskId);
    return await issuer.issue({ accountId: spec.accountId, arn }, lifetime);
  };
}
