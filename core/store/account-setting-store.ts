/** Account settings in Redis: one hash for each principal that set some, and one for the account's defaults. */
import { type Scope, scopeKey } from '../scope.ts';
import type { Connection } from './connection.ts';
import type { AccountSettingStore } from './store.ts';

export function createAccountSettingStore({ redis, prefix }: Connection): AccountSettingStore {
  const key = (scope: Scope, principal: string | undefined) =>
    `${prefix}:settings:${scopeKey(scope)}:${principal ?? 'default'}`;
  const principals = (scope: Scope) => `${prefix}:setting-principals:${scopeKey(scope)}`;
  return {
    get: async (scope, principal) => await redis.hgetall(key(scope, principal)),

    async put(scope, principal, name, value) {
      const write = redis.multi().hset(key(scope, principal), name, value);
      if (principal !== undefined) write.sadd(principals(scope), principal);
      await write.exec();
    },

    async delete(scope, principal, name) {
      const value = await redis.hget(key(scope, principal), name);
      await redis.hdel(key(scope, principal), name);
      if ((await redis.exists(key(scope, principal))) === 0) await redis.srem(principals(scope), principal);
      return value ?? undefined;
    },

    principals: async (scope) => (await redis.smembers(principals(scope))).sort(),
  };
}
