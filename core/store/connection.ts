/** What every part of the store is given. */
import type { Redis } from 'ioredis';
import type { TaskKey } from '../task.ts';
import type { RunScript } from './scripts.ts';

export interface Connection {
  readonly redis: Redis;
  readonly run: RunScript;
  /** Starts every key; its braces put all keys into one Redis Cluster slot, because placement is atomic over accounts. */
  readonly prefix: string;
  /** Tells a worker that something is new for these tasks. What is lost here, the worker's heartbeat finds. */
  readonly wake: (worker: string, tasks: readonly TaskKey[]) => void;
}

/** Events that the stream keeps, about. */
export const longestEventStream = 100_000;

/** Calls `attempt` until no other writer was quicker. */
export async function untilWritten<T>(attempt: () => Promise<T | 'conflict'>): Promise<T> {
  for (;;) {
    const result = await attempt();
    if (result !== 'conflict') return result;
  }
}

/** A page of a lexically ordered set, `limit` members after `after`. */
export async function pageOfSet(
  redis: Redis,
  key: string,
  page: { readonly after?: string; readonly limit: number },
  bounds: { readonly first?: string; readonly last?: string; readonly descending?: boolean } = {},
): Promise<{ items: string[]; next?: string }> {
  const { descending = false } = bounds;
  const after = page.after === undefined ? undefined : `(${page.after}`;
  const first = (descending ? bounds.first : (after ?? bounds.first)) ?? '-';
  const last = (descending ? (after ?? bounds.last) : bounds.last) ?? '+';
  const found = descending
    ? await redis.zrevrangebylex(key, last, first, 'LIMIT', 0, page.limit + 1)
    : await redis.zrangebylex(key, first, last, 'LIMIT', 0, page.limit + 1);
  const items = found.slice(0, page.limit);
  return found.length > page.limit ? { items, next: items.at(-1) as string } : { items };
}
