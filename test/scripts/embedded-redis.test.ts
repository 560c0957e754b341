import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { connectRedis } from '../../core/redis.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../scripts/embedded-redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';

async function start(directory: string): Promise<EmbeddedRedis> {
  const redis = await startEmbeddedRedis(directory);
  onTestFinished(redis.stop);
  return redis;
}

function connect(url: string) {
  const client = connectRedis(url, { patience: 0, name: 'test' });
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

test('what was acknowledged before a kill is there after it', async () => {
  const directory = await temporaryDirectory();
  const first = await start(directory);
  const writer = connect(first.url);
  let acknowledged = 0;
  const writing = (async () => {
    for (;;) {
      await writer.set(`key:${acknowledged}`, 'x'.repeat(200));
      acknowledged++;
      if (acknowledged === 500) first.process.kill('SIGKILL');
    }
  })();
  await expect(writing).rejects.toThrow();
  await first.ended;

  const reader = connect((await start(directory)).url);
  const keys = Array.from({ length: acknowledged }, (_, index) => `key:${index}`);
  expect(acknowledged).toBeGreaterThanOrEqual(500);
  expect(await reader.exists(...keys)).toBe(acknowledged);
});

test('half a command at the end of the file, as a kill can leave it, keeps nothing from starting', async () => {
  const directory = await temporaryDirectory();
  const first = await start(directory);
  await connect(first.url).set('key', 'value');
  await first.stop();
  const folder = join(directory, 'appendonlydir');
  const log = existsSync(folder)
    ? join(folder, readdirSync(folder).find((name) => name.endsWith('.incr.aof')) ?? '')
    : join(directory, 'appendonly.aof');
  appendFileSync(log, '*3\r\n$3\r\nSET\r\n$5\r\nother\r\n$5');
  expect(await connect((await start(directory)).url).get('key')).toBe('value');
});

test('a Redis that was left over in the directory gives way', async () => {
  const directory = await temporaryDirectory();
  const leftOver = await start(directory);
  await connect(leftOver.url).set('key', 'value');
  const next = await start(directory);
  await leftOver.ended;
  expect(next.process.pid).not.toBe(leftOver.process.pid);
  expect(await connect(next.url).get('key')).toBe('value');
});

test('a directory too deep for a socket works, and only its owner can enter the one that stands in', async () => {
  const directory = join(await temporaryDirectory(), ...Array.from({ length: 20 }, () => 'deeper'));
  const redis = await start(directory);
  const folder = join(redis.url.slice('unix://'.length), '..');
  expect(await connect(redis.url).ping()).toBe('PONG');
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  await redis.stop();
  expect(existsSync(folder)).toBe(false);
});

test('only the owner may open the socket, and every write is on disk before its answer', async () => {
  const redis = await start(await temporaryDirectory());
  const client = connect(redis.url);
  expect(statSync(redis.url.slice('unix://'.length)).mode & 0o777).toBe(0o700);
  expect(await client.config('GET', 'appendfsync')).toEqual(['appendfsync', 'always']);
  expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
  expect(await client.config('GET', 'port')).toEqual(['port', '0']);
});

test('a directory that cannot be used is told in words of Redis', async () => {
  const directory = await temporaryDirectory();
  const first = await start(directory);
  await first.stop();
  const folder = join(directory, 'appendonlydir');
  const manifest = join(folder, 'appendonly.aof.manifest');
  appendFileSync(existsSync(manifest) ? manifest : join(directory, 'appendonly.aof'), 'nonsense\n');
  await expect(startEmbeddedRedis(directory)).rejects.toThrow(/^Redis does not start \(exit code 1: .+\)\.$/);
});

test('the end of the process is told', async () => {
  const redis = await start(await temporaryDirectory());
  const exit = once(redis.process, 'exit');
  redis.process.kill('SIGKILL');
  await exit;
  expect(await redis.ended).toBe('signal SIGKILL');
});
