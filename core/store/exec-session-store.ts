/** Sessions of ECS Exec in Redis: one hash each, gone by itself when nobody opens it or its worker no longer tends it. */
import type { Redis } from 'ioredis';
import { type ExecSessionSpec, tokenDigest } from '../exec/session.ts';
import { createScripts } from './scripts.ts';

/** Milliseconds that a token opens its session. */
export const tokenLife = 60_000;
/** Milliseconds that a session is remembered after its worker was last heard of. */
const untendedLife = 600_000;

export interface ExecSessionStore {
  create(session: ExecSessionSpec, token: string): Promise<void>;
  get(sessionId: string): Promise<ExecSessionSpec | undefined>;
  /** Uses the token up. `attachment` counts from 1. undefined: not this session's newest token, used, or too old. */
  open(
    sessionId: string,
    token: string,
  ): Promise<{ readonly session: ExecSessionSpec; readonly attachment: number } | undefined>;
  /** From now on this token opens the session, once, and no earlier one does. False: there is no such session. */
  renew(sessionId: string, token: string): Promise<boolean>;
  /** Says that these still run. */
  tend(sessionIds: readonly string[]): Promise<void>;
  end(sessionId: string): Promise<void>;
}

export function createExecSessionStore(redis: Redis, prefix: string): ExecSessionStore {
  const run = createScripts(redis);
  const key = (sessionId: string) => `${prefix}:exec-session:${sessionId}`;
  return {
    async create(session, token) {
      await redis
        .multi()
        .hset(key(session.sessionId), 'json', JSON.stringify(session))
        .pexpire(key(session.sessionId), untendedLife)
        .exec();
      await this.renew(session.sessionId, token);
    },

    async get(sessionId) {
      const json = await redis.hget(key(sessionId), 'json');
      return json === null ? undefined : (JSON.parse(json) as ExecSessionSpec);
    },

    async open(sessionId, token) {
      const found = await run('open-exec-session', [key(sessionId)], [tokenDigest(token), untendedLife]);
      if (!Array.isArray(found)) return undefined;
      const [json, attachment] = found as [string, number];
      return { session: JSON.parse(json) as ExecSessionSpec, attachment };
    },

    renew: async (sessionId, token) =>
      (await run('renew-exec-session', [key(sessionId)], [tokenDigest(token), tokenLife])) === 1,

    async tend(sessionIds) {
      await Promise.all(sessionIds.map(async (id) => await redis.pexpire(key(id), untendedLife)));
    },

    async end(sessionId) {
      await redis.del(key(sessionId));
    },
  };
}
