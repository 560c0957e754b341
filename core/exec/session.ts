/** A session of ECS Exec: what its client was promised, and how API and worker find each other for it. */
import { createHash, randomBytes } from 'node:crypto';
import type { Scope } from '../scope.ts';

/** Where a session's output is written down, decided when it is asked for. */
export interface TranscriptTarget {
  readonly logGroup?: string;
  /** Region of the log group. */
  readonly logRegion?: string;
  /** Refuse the session when the group has no key. */
  readonly logGroupEncrypted?: boolean;
  readonly bucket?: string;
  readonly keyPrefix?: string;
  /** Refuse the session when the bucket has no default encryption. */
  readonly bucketEncrypted?: boolean;
  /** False: a session goes on when its output cannot be written down. */
  readonly required: boolean;
}

export interface ExecSessionSpec extends Scope {
  /** `ecs-execute-command-` and 26 of a-z and 0-9. */
  readonly sessionId: string;
  readonly taskId: string;
  /** Name of the worker that has the task. */
  readonly worker: string;
  readonly container: string;
  readonly command: readonly string[];
  readonly transcript?: TranscriptTarget;
}

/** What an API process tells a worker. */
export type Summons =
  /** A client of the session is here: dial in, or start the session first. */
  | {
      readonly type: 'attach';
      readonly session: ExecSessionSpec;
      /** 1 for the session's first client; a worker that does not know a later one's session has lost it. */
      readonly attachment: number;
      /** Of this API process, for example `http://10.0.0.5:4566`. */
      readonly address: string;
      /** Lets the worker in, once. */
      readonly ticket: string;
    }
  | { readonly type: 'terminate'; readonly sessionId: string };

/** Beginning of every path of a session's WebSockets on the API's port. */
export const execPath = '/_longshore/exec/';
/** Where clients connect, before the session's id. */
export const clientPath = `${execPath}v1/data-channel/`;
/** Where workers connect. */
export const workerPath = `${execPath}worker`;

/** A bearer secret: 256 random bits. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What is kept of a token. */
export function tokenDigest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** `ecs-execute-command-` with as many random characters as AWS's have. */
export function newSessionId(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const random = Array.from(randomBytes(26), (byte) => letters.charAt(byte % letters.length)).join('');
  return `ecs-execute-command-${random}`;
}
