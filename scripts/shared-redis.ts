/** A Redis that somebody else runs (REDIS_URL): is it there, new enough, and set up so that it forgets nothing. */
import { connectRedis } from '../core/redis.ts';
import { Failure, sentenceOf } from './failure.ts';
import { isNewEnough, parseInfo } from './redis-socket.ts';

export interface RedisFacts {
  /** `Redis` or `Valkey`. */
  readonly product: string;
  readonly version: string;
  readonly appendOnly: boolean;
  /** Empty where CONFIG is not allowed. */
  readonly evictionPolicy: string;
  /** `always`, `everysec`, `no`; empty where CONFIG is not allowed. */
  readonly fsync: string;
}

/** @throws Failure when it does not answer */
export async function inspectRedis(url: string): Promise<RedisFacts> {
  const redis = connectRedis(url, { patience: 0, name: 'longshore-check' });
  let problem: Error | undefined;
  redis.on('error', (error) => {
    problem = error;
  });
  try {
    const info = parseInfo(await redis.info());
    const config = await configuration(redis);
    return {
      product: info.valkey_version === undefined ? 'Redis' : 'Valkey',
      version: info.valkey_version ?? info.redis_version ?? '0',
      appendOnly: info.aof_enabled === '1',
      evictionPolicy: config['maxmemory-policy'] ?? info.maxmemory_policy ?? '',
      fsync: config.appendfsync ?? '',
    };
  } catch (error) {
    throw new Failure(`No Redis answers at ${withoutPassword(url)}: ${sentenceOf(problem ?? error)}.`);
  } finally {
    redis.disconnect();
  }
}

/**
 * Refuses a Redis that is too old.
 * @param say gets a line for each setting of it that could lose state
 */
export async function checkSharedRedis(url: string, say: (line: string) => void): Promise<void> {
  const facts = await inspectRedis(url);
  if (!isNewEnough(facts.version))
    throw new Failure(`${facts.product} at ${withoutPassword(url)} is ${facts.version}, but 6.2 or newer is needed.`);
  for (const worry of worries(facts)) say(`Warning: ${worry}`);
}

/** What could make this Redis forget acknowledged writes. */
export function worries(facts: RedisFacts): readonly string[] {
  const found: string[] = [];
  if (!facts.appendOnly)
    found.push('Redis writes no append-only file: a crash of it loses state (set appendonly yes).');
  if (facts.appendOnly && facts.fsync !== 'always' && facts.fsync !== '')
    found.push(
      `Redis has appendfsync ${facts.fsync}: a crash of its host loses the newest writes (set appendfsync always).`,
    );
  if (facts.evictionPolicy !== '' && facts.evictionPolicy !== 'noeviction')
    found.push(`Redis may evict keys (maxmemory-policy ${facts.evictionPolicy}): set it to noeviction.`);
  return found;
}

async function configuration(redis: ReturnType<typeof connectRedis>): Promise<Readonly<Record<string, string>>> {
  try {
    const pairs = ['maxmemory-policy', 'appendfsync'].map(async (name) => {
      const [, value = ''] = (await redis.config('GET', name)) as string[];
      return [name, value] as const;
    });
    return Object.fromEntries(await Promise.all(pairs));
  } catch {
    // Hosted Redis often forbids CONFIG; INFO has told most.
    return {};
  }
}

export function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
