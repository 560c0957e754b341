/** The hour of what tasks use: sampled, bounded, gone by itself. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemAfter } from '../../core/clock.ts';
import { connectRedis } from '../../core/redis.ts';
import { createUsageStore, type UsageStore } from '../../core/store/usage-store.ts';
import { taskKey } from '../../core/task.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../scripts/embedded-redis.ts';
import type { RunningTask } from '../../worker/task-runner.ts';
import { createReadings, sampleUsage } from '../../worker/usage.ts';
import { eventually } from '../support/eventually.ts';

const folder = mkdtempSync(join(tmpdir(), 'longshore-usage-'));
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
  const usage = (at: number) => ({
    at,
    received: at,
    sent: 0,
    containers: { app: { cpu: at, memory: 1, read: 2, written: 3 } },
  });
  for (let at = 1; at <= 70; at += 1) await store.add(new Map([[taskKey(task), usage(at)]]));
  const kept = await store.of(task);
  expect(kept).toHaveLength(60);
  expect([kept[0], kept.at(-1)]).toEqual([usage(11), usage(70)]);
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
