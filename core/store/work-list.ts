/** Work that must be done once somebody gets to it, in Redis: items that wait, each once, by when they were added. */
import type { Redis } from 'ioredis';
import type { Millis } from '../task.ts';

export interface WorkList<Item> {
  add(items: readonly Item[], at: Millis): Promise<void>;
  /** Items that were added before a moment, the oldest first; they stay until they are done. */
  due(before: Millis, most: number): Promise<readonly Item[]>;
  done(item: Item): Promise<void>;
}

/** @param name of the list */
export function createWorkList<Item>(redis: Redis, prefix: string, name: string): WorkList<Item> {
  const key = `${prefix}:registry-work:${name}`;
  return {
    async add(items, at) {
      if (items.length > 0) await redis.zadd(key, ...items.flatMap((item) => [at, JSON.stringify(item)]));
    },
    due: async (before, most) =>
      (await redis.zrangebyscore(key, '-inf', before, 'LIMIT', 0, most)).map((json) => JSON.parse(json) as Item),
    done: async (item) => void (await redis.zrem(key, JSON.stringify(item))),
  };
}
