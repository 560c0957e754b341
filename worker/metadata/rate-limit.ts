/** Token buckets by name: so many requests at once, and so many a second for long. */
import type { Clock } from '../../core/clock.ts';

/** What the ECS agent allows (agent/config: ECS_TASK_METADATA_RPS_LIMIT). */
export const agentRate = { steady: 40, burst: 60 } as const;

export interface RateLimit {
  /** False: too many. */
  allows(name: string): boolean;
}

/** @param rate.steady requests a second */
export function createRateLimit(rate: { readonly steady: number; readonly burst: number }, clock: Clock): RateLimit {
  const buckets = new Map<string, { tokens: number; at: number }>();
  /** Buckets that have filled up again are as good as none. */
  const forgetFull = (now: number) => {
    for (const [name, { tokens, at }] of buckets)
      if (tokens + ((now - at) / 1000) * rate.steady >= rate.burst) buckets.delete(name);
  };
  return {
    allows(name) {
      const now = clock();
      if (buckets.size >= 1000) forgetFull(now);
      const { tokens, at } = buckets.get(name) ?? { tokens: rate.burst, at: now };
      const filled = Math.min(rate.burst, tokens + (Math.max(0, now - at) / 1000) * rate.steady);
      buckets.set(name, { tokens: filled >= 1 ? filled - 1 : filled, at: now });
      return filled >= 1;
    },
  };
}
