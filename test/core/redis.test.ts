/** A Redis that keeps its connections but answers nobody. */
import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { connectRedis } from '../../core/redis.ts';
import { startEmbeddedRedis } from '../../scripts/embedded-redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';

test('a command ends in time while Redis is frozen, and is carried out at most once', async () => {
  const server = await startEmbeddedRedis(await temporaryDirectory());
  onTestFinished(server.stop);
  const redis = connectRedis(server.url, { patience: 1, commandTimeout: 500, name: 'test', batch: true });
  redis.on('error', () => {});
  onTestFinished(() => redis.disconnect());
  const key = randomUUID();
  expect(await redis.incr(key)).toBe(1);
  server.process.kill('SIGSTOP');
  try {
    const refused = await Promise.allSettled([redis.incr(key), redis.evalsha('0'.repeat(40), 0), redis.get(key)]);
    for (const one of refused) expect(one).toMatchObject({ reason: { message: 'Command timed out' } });
  } finally {
    server.process.kill('SIGCONT');
  }
  expect(await redis.get(key)).toBe('2');
});
