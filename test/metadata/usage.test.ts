/** The hour of what tasks use: sampled, bounded, gone by itself. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemAfter } from '../../core/clock.ts';
import { connectRedis } from '../../core/redis.ts';
import { createUsageStore, type TaskUsage, type UsageStore } from '../../core/store/usage-store.ts';
import { taskKey } from '../../core/task.ts';
import { usageRates } from '../../core/usage-rates.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../scripts/embedded-redis.ts';
import { usage } from '../../scripts/usage.ts';
import type { RunningTask } from '../../worker/task-runner.ts';
import { createReadings, sampleUsage } from '../../worker/usage.ts';
import { eventually } from '../support/eventually.ts';

const folder = mkdtempSync(join(tmpdir(), 'longshore-usage-'));
const zero = { cpu: 0, memory: 0, read: 0, written: 0 };
const task = { accountId: '000000000000', region: 'us-east-1', taskId: 'abc' };
let server: EmbeddedRedis;
let redis: Redis;
let store: UsageStore;

beforeAll(async () => {
  server = await startEmbeddedRedis(folder);
  redis = connectRedis(server.url, { patience: 3, name: 'test' });
  store = createUsageStore(redis, '{longshore}');
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('an hour is kept, and no longer', async () => {
  const sample = (at: number) => ({
    at,
    received: at,
    sent: 0,
    containers: { app: { cpu: at, memory: 1, read: 2, written: 3 } },
  });
  for (let at = 1; at <= 70; at += 1) await store.add(new Map([[taskKey(task), sample(at)]]));
  const kept = await store.of(task);
  expect(kept).toHaveLength(60);
  expect([kept[0], kept.at(-1)]).toEqual([sample(11), sample(70)]);
  const life = await redis.ttl(`{longshore}:usage:${taskKey(task)}`);
  expect(life).toBeGreaterThan(0);
  expect(life).toBeLessThanOrEqual(3600);
  expect(await store.of({ ...task, taskId: 'other' })).toEqual([]);
});

test('what runs is sampled, what has ended is not', async () => {
  const spec = { ...task, taskId: 'sampled' };
  const containers = { ended: { finishedAt: 1 } };
  const running = {
    recorder: { task: { spec, observed: { containers } } },
    started: new Map(['app', 'ended'].map((name) => [name, { handle: { sandboxId: 's', name, id: name } }])),
  } as unknown as RunningTask;
  const close = sampleUsage({
    driver: { stats: async () => ({ at: Date.now(), cpuNanoseconds: 5, memoryBytes: 6 }) },
    directory: { all: () => [running] },
    readings: createReadings(),
    store,
    after: systemAfter,
    log: pino({ level: 'silent' }),
    interval: 20,
  });
  const samples = await eventually('samples', async () => {
    const found = await store.of(spec);
    return found.length > 1 ? found : undefined;
  });
  await close();
  expect(samples[0]).toEqual({
    at: expect.any(Number),
    containers: { app: { cpu: 5, memory: 6, read: 0, written: 0 } },
  });
  const { length } = await store.of(spec);
  expect((await store.of(spec)).length).toBe(length);
});

test('rates between samples, also when a container began anew', () => {
  const sample = (at: number, cpu: number, received?: number): TaskUsage => ({
    at,
    ...(received !== undefined && { received, sent: 2 * received }),
    containers: { app: { cpu, memory: 5, read: cpu, written: 0 } },
  });
  const [first, second, third] = usageRates([
    sample(0, 7e9, 100),
    { ...sample(2000, 8e9, 300), containers: { ...sample(2000, 8e9).containers, late: zero } },
    sample(4000, 1e9),
  ]);
  expect(first).toEqual({ at: 0, memory: 5, containers: { app: { memory: 5 } } });
  expect(second).toEqual({
    at: 2000,
    cpu: 512,
    memory: 5,
    read: 5e8,
    written: 0,
    received: 100,
    sent: 200,
    containers: { app: { cpu: 512, memory: 5, read: 5e8, written: 0 }, late: { memory: 0 } },
  });
  expect(third).toEqual({
    at: 4000,
    cpu: 512,
    memory: 5,
    read: 5e8,
    written: 0,
    containers: { app: { cpu: 512, memory: 5, read: 5e8, written: 0 } },
  });
});

test('`longshore usage` shows what is kept, and says when nothing is', async () => {
  const named = { ...task, taskId: 'f'.repeat(32) };
  const arn = `arn:aws:ecs:us-east-1:000000000000:task/default/${named.taskId}`;
  const show = async (json = false, which = arn) => {
    const said: string[] = [];
    await usage(server.url, '{longshore}', which, { json }, (line) => said.push(line));
    return said;
  };
  await expect(show()).rejects.toThrow(`There is no task ${named.taskId} in account 000000000000`);
  await expect(show(false, 'arn:aws:ecs:us-east-1:000000000000:cluster/x')).rejects.toThrow('not the ARN of a task');
  const at = Date.parse('2026-01-02T03:04:05.678Z');
  const samples = [0, 1].map((minute) => ({
    at: at + minute * 60_000,
    received: minute * 60 * 1024,
    sent: 0,
    containers: { app: { cpu: minute * 30e9, memory: 2 ** 20, read: 0, written: 0 } },
  }));
  for (const each of samples) await store.add(new Map([[taskKey(named), each]]));
  expect((await show(true)).map((line) => JSON.parse(line))).toEqual(samples);
  const [table = ''] = await show();
  const words = (line: RegExp) =>
    table
      .split('\n')
      .filter((each) => line.test(each))
      .map((each) => each.trim().split(/\s+/));
  expect(words(/ task /)).toEqual([
    ['2026-01-02T03:04:05Z', 'task', '-', '1.00', '-', '-', '-', '-'],
    ['2026-01-02T03:05:05Z', 'task', '512', '1.00', '0', '0', '1.00', '0'],
  ]);
  expect(words(/ app /).at(-1)).toEqual(['app', '512', '1.00', '0', '0']);
});
