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
  readonly recorder: { readonly task: { readonly spec: Pick<TaskSpec, 'accountId' | 'region' | 'taskId'> } };
  /** ARN or name; absent: the task has no role. */
  readonly taskRole: string | undefined;
}

export interface TaskRoles {
  /** What ends the path where a task gets its credentials: hard to guess, and the same after a restart. */
  credentialsId(task: RoleHolder): Promise<string>;
  /** undefined: the task has no role. */
  credentials(task: RoleHolder): Promise<RoleCredentials | undefined>;
}

/** Gets credentials for a role, in the name of one task. */
export type AssumeTaskRole = (task: RoleHolder, roleArn: string) => Promise<SessionCredentials>;

/** Seconds, as on Fargate. */
const lifetime = 6 * 3600;
/** Share of their life at whose beginning credentials are replaced: half an hour of six. */
const lastPart = 1 / 12;
/** Milliseconds that are left in any case. */
const leastLeft = 15 * 60_000;

interface Held {
  readonly issuedAt: number;
  readonly credentials: RoleCredentials;
}

export function createTaskRoles(readKey: () => Promise<Buffer>, assume: AssumeTaskRole, clock: Clock): TaskRoles {
  // Credentials go with their task.
  const held = new WeakMap<RoleHolder, Held>();
  const pending = new Map<RoleHolder, Promise<RoleCredentials>>();

  const isFresh = ({ issuedAt, credentials: { expiresAt } }: Held) =>
    expiresAt - clock() > Math.max(leastLeft, (expiresAt - issuedAt) * lastPart);

  const renew = async (task: RoleHolder, role: string): Promise<RoleCredentials> => {
    const credentials = { ...(await assume(task, role)), roleArn: role };
    held.set(task, { issuedAt: clock(), credentials });
    return credentials;
  };

  return {
    async credentialsId({ recorder }) {
      const { taskId } = recorder.task.spec;
      const key = Buffer.from(hkdfSync('sha256', await readKey(), '', 'longshore credentials id', 32));
      const hex = createHmac('sha256', key).update(taskId).digest('hex');
      return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    },
    async credentials(task) {
      if (task.taskRole === undefined) return undefined;
      const known = held.get(task);
      if (known && isFresh(known)) return known.credentials;
      const role = roleArn(task.recorder.task.spec, task.taskRole);
      const running = pending.get(task) ?? renew(task, role).finally(() => pending.delete(task));
      pending.set(task, running);
      return await running;
    },
  };
}

/**
 * Sessions of our own, which our own endpoint accepts. They belong to the account that the task runs in, whatever account
 * the role's ARN names: a definition gives nobody access to another's account.
 */
export function ownRoles(issuer: SessionIssuer): AssumeTaskRole {
  return async ({ recorder }, role) => {
    const { spec } = recorder.task;
    const arn = assumedRoleArn(spec, role, spec.taskId);
    return await issuer.issue({ accountId: spec.accountId, arn }, lifetime);
  };
}
