/**
 * How an API process calls a worker to a session: by Redis's publish, because a call is worth nothing later, and who
 * publishes learns at once whether anybody listens.
 */
import type { Redis } from 'ioredis';
import type { Summons } from './session.ts';

const channel = (prefix: string, worker: string) => `${prefix}:exec:${worker}`;

/** False: no such worker listens. */
export async function summon(redis: Redis, prefix: string, worker: string, summons: Summons): Promise<boolean> {
  return (await redis.publish(channel(prefix, worker), JSON.stringify(summons))) > 0;
}

/** Needs a connection of its own, which it subscribes with, again after each reconnection. */
export async function answerSummons(
  redis: Redis,
  { prefix, worker }: { readonly prefix: string; readonly worker: string },
  answer: (summons: Summons) => void,
): Promise<void> {
  redis.on('message', (_channel, message) => answer(JSON.parse(message) as Summons));
  await redis.subscribe(channel(prefix, worker));
}
