import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FencedError, WorkerNameTakenError, WorkersAwayError } from '../../core/errors.ts';
import { connectRedis } from '../../core/redis.ts';
import type { RuntimeName } from '../../core/runtime-choice.ts';
import { followStateChanges } from '../../core/store/events.ts';
import { createStore } from '../../core/store/index.ts';
import type { NewTask, Store } from '../../core/store/store.ts';
import type { TaskSpec } from '../../core/task.ts';
import type { WorkerRegistration } from '../../core/worker.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../scripts/embedded-redis.ts';

const scope = { accountId: '111122223333', region: 'us-east-1' };
const prefix = '{test}';
let folder: string;
let server: EmbeddedRedis;
let redis: Redis;
let store: Store;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-store-'));
  server = await startEmbeddedRedis(folder);
  redis = connectRedis(server.url, { patience: 1, name: 'test' });
});
beforeEach(async () => {
  await redis.flushall();
  store = createStore(redis, { prefix });
  await store.clusters.create(scope, cluster('default'));
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  await rm(folder, { recursive: true });
});

describe('placement', () => {
  it('never promises more than a worker has, whatever the concurrency', async () => {
    await register('w1', { memory: 2048, slots: 100 });
    await register('w2', { memory: 1024, slots: 1 });
    const results = await Promise.all(Array.from({ length: 100 }, () => place(1)));
    const placed = results.flatMap((result) => (result.outcome === 'placed' ? result.tasks : []));
    expect(placed).toHaveLength(5);
    expect(placed.filter((task) => task.spec.worker === 'w2')).toHaveLength(1);
    expect((await store.workers.get('w1'))?.memoryUsed).toBe(2048);
  });

  it('places what fits of one request and says how many did not', async () => {
    await register('w1', { memory: 1536 });
    expect(await place(5)).toMatchObject({ outcome: 'placed', tasks: { length: 3 }, unplaced: 2 });
  });

  it('gives no task to a worker whose lease was given up', async () => {
    await register('w1');
    await store.workers.release('w1', 'i-w1');
    expect(await place(1)).toMatchObject({ tasks: [], unplaced: 1, lacking: 'workers' });
  });

  it('tells that no worker has the architecture', async () => {
    await register('w1', { cpuArchitecture: 'ARM64' });
    expect(await place(1)).toMatchObject({ tasks: [], unplaced: 1, lacking: 'architecture' });
  });

  it('takes only a worker with the runtime that a task asks for, by its newest registration', async () => {
    await register('w1', { runtime: 'microvm' });
    expect(await place(1, { runtime: 'docker' })).toMatchObject({ tasks: [], unplaced: 1, lacking: 'runtime' });
    await register('w2', { runtime: 'docker' });
    const both = await place(12, { runtime: 'microvm' });
    expect(both).toMatchObject({ tasks: { length: 8 }, unplaced: 4 });
    expect(both.outcome === 'placed' && both.tasks.every(({ spec }) => spec.worker === 'w1')).toBe(true);
    // The picture of the workers that placement starts from is old by now.
    await register('w2', { runtime: 'microvm', instance: 'i-w2-again' }, () => true);
    expect(await place(1, { runtime: 'docker' })).toMatchObject({ tasks: [], unplaced: 1, lacking: 'runtime' });
  });

  it('lets no worker change its runtime under its tasks', async () => {
    await register('w1', { runtime: 'microvm' });
    const task = await placeOne();
    const again = register('w1', { runtime: 'docker', instance: 'other' }, () => true);
    await expect(again).rejects.toThrow(
      /Worker w1 still has 1 task with the runtime microvm: start it with LONGSHORE_/,
    );
    await register('w1', { runtime: 'microvm', instance: 'third' }, () => true);
    const stop = { code: 'UserInitiated' as const, reason: '', at: 1 };
    await store.tasks.observe(task, 'third', ({ observed }) => ({ ...observed, stop, stoppedAt: 1 }));
    await register('w1', { runtime: 'docker', instance: 'other' }, () => true);
  });

  it('waits for a worker whose lease ran out while Redis or the worker was away', async () => {
    await register('w1');
    await redis.hset(`${prefix}:worker:w1`, 'leaseUntil', Date.now() - 2000);
    const placing = place(1);
    await store.workers.heartbeat('w1', 'i-w1', 0);
    expect(await placing).toMatchObject({ tasks: { length: 1 }, unplaced: 0 });

    await redis.hset(`${prefix}:worker:w1`, 'leaseUntil', Date.now() - 2000);
    await expect(place(1)).rejects.toThrow(WorkersAwayError);
    await redis.hset(`${prefix}:worker:w1`, 'leaseUntil', Date.now() - 60_000);
    store = createStore(redis, { prefix });
    expect(await place(1)).toMatchObject({ tasks: [], unplaced: 1 });
  });

  it('makes one task of many requests with the same token, and refuses another request with it', async () => {
    await register('w1');
    const token = { value: 'once', requestDigest: 'a' };
    const results = await Promise.all(Array.from({ length: 20 }, () => place(2, { token })));
    expect(
      new Set(results.map((result) => 'tasks' in result && result.tasks.map((task) => task.spec.taskId).join())).size,
    ).toBe(1);
    expect((await store.tasks.list(scope, running, { limit: 100 })).items).toHaveLength(2);
    expect(await place(1, { token: { ...token, requestDigest: 'b' } })).toMatchObject({ outcome: 'token-conflict' });
  });

  it('refuses a cluster that is gone', async () => {
    await register('w1');
    await store.clusters.delete(scope, 'default');
    expect(await place(1)).toEqual({ outcome: 'cluster-inactive' });
  });
});

describe('a task', () => {
  it('moves between lists and counters and gives its capacity back', async () => {
    await register('w1');
    let task = await placeOne();
    expect((await counts()).pending).toBe(1);
    task = await store.tasks.observe(task, 'i-w1', ({ observed }) => ({
      ...observed,
      startedAt: 5,
      containers: { app: { startedAt: 5 } },
    }));
    expect(task.version).toBe(2);
    expect(await counts()).toEqual({ pending: 0, running: 1, live: 1, services: 0, draining: 0 });
    await store.tasks.want(scope, task.spec.taskId, ({ wanted }) => ({
      ...wanted,
      stop: { code: 'UserInitiated', reason: 'x', at: 6 },
    }));
    expect((await store.tasks.list(scope, running, { limit: 10 })).items).toEqual([]);
    expect(
      (await store.tasks.list(scope, { ...running, desiredStatus: 'STOPPED', family: 'f' }, { limit: 10 })).items,
    ).toEqual([task.spec.taskId]);
    // The worker still starts from what it knew: its write must not undo the control plane's.
    task = await store.tasks.observe(task, 'i-w1', ({ observed }) => ({ ...observed, stoppingAt: 7, stoppedAt: 8 }));
    expect(task.wanted.stop?.at).toBe(6);
    expect(await counts()).toEqual({ pending: 0, running: 0, live: 0, services: 0, draining: 0 });
    expect(await store.workers.get('w1')).toMatchObject({ cpuUsed: 0, memoryUsed: 0, slotsUsed: 0 });
    expect(await store.workers.tasks('w1')).toEqual([]);
    expect(await store.tasks.purgeStopped(7, 10)).toBe(0);
    expect(await store.tasks.purgeStopped(8, 10)).toBe(1);
    expect(await redis.keys('*task*')).toEqual([]);
  });

  it('is written by its worker only while the worker holds its name', async () => {
    await register('w1');
    const task = await placeOne();
    await store.workers.release('w1', 'i-w1');
    await register('w1', { instance: 'second' });
    await expect(store.tasks.observe(task, 'i-w1', ({ observed }) => ({ ...observed, stoppedAt: 1 }))).rejects.toThrow(
      FencedError,
    );
    await expect(store.workers.heartbeat('w1', 'i-w1', 0)).rejects.toThrow(FencedError);
  });

  it('is told to its worker by the heartbeat, once, whatever changed it', async () => {
    await register('w1');
    const task = await placeOne();
    const first = await store.workers.heartbeat('w1', 'i-w1', 0);
    expect(first.changed).toHaveLength(1);
    expect((await store.workers.heartbeat('w1', 'i-w1', first.position)).changed).toEqual([]);
    await store.tasks.want(scope, task.spec.taskId, ({ wanted }) => ({ ...wanted, tags: [{ key: 'a', value: 'b' }] }));
    expect((await store.workers.heartbeat('w1', 'i-w1', first.position)).changed).toHaveLength(1);
  });

  it('announces its changes in order on the stream', async () => {
    await register('w1');
    const follower = redis.duplicate();
    const stop = new AbortController();
    const seen: string[] = [];
    const task = await placeOne();
    await store.tasks.observe(task, 'i-w1', ({ observed }) => ({ ...observed, stoppedAt: 1 }));
    for await (const { change } of followStateChanges(follower, prefix, '0', stop.signal)) {
      seen.push(`${change.version} ${change.lastStatus} ${change.desiredStatus}`);
      if (change.lastStatus === 'STOPPED') break;
    }
    stop.abort();
    follower.disconnect();
    expect(seen).toEqual(['1 PROVISIONING RUNNING', '2 STOPPED RUNNING']);
  });

  it('pages through lists and through combinations of filters', async () => {
    await register('w1', { memory: 2 ** 20, cpu: 2 ** 20, slots: 1000 });
    for (let round = 0; round < 3; round += 1) await place(10, { startedBy: `by-${round % 2}` });
    const filter = { ...running, family: 'f', startedBy: 'by-0' };
    const first = await store.tasks.list(scope, filter, { limit: 15 });
    const second = await store.tasks.list(scope, filter, { limit: 15, after: first.next ?? '' });
    expect([first.items.length, second.items.length, second.next]).toEqual([15, 5, undefined]);
    expect(new Set([...first.items, ...second.items]).size).toBe(20);
  });
});

describe('a worker name', () => {
  it('belongs to one live instance', async () => {
    await register('w1');
    await expect(register('w1', { instance: 'other' })).rejects.toThrow(WorkerNameTakenError);
    await register('w1', { instance: 'other' }, () => true);
    expect((await store.workers.get('w1'))?.instance).toBe('other');
  });

  it('keeps its address range, and two names never share one', async () => {
    const ranges = await Promise.all(['a', 'b', 'c'].map((name) => store.workers.leaseNetworkRange(name, 4, [0])));
    expect(new Set(ranges)).toEqual(new Set([1, 2, 3]));
    expect(await store.workers.leaseNetworkRange('a', 4, [0])).toBe(ranges[0]);
    expect(await store.workers.leaseNetworkRange('d', 4, [0])).toBeUndefined();
  });
});

describe('task definitions', () => {
  it('never use a revision number twice and are listed by family, then number', async () => {
    const revisions = await Promise.all(
      Array.from({ length: 12 }, () => store.taskDefinitions.register(scope, { family: 'b' }, [], 1)),
    );
    expect(new Set(revisions.map((one) => one.revision)).size).toBe(12);
    await store.taskDefinitions.register(scope, { family: 'b-2' }, [], 1);
    await store.taskDefinitions.register(scope, { family: 'a' }, [], 1);
    const all = await store.taskDefinitions.list(scope, { status: 'ACTIVE' }, { limit: 100 });
    expect(all.items.map((one) => `${one.family}:${one.revision}`).slice(0, 4)).toEqual(['a:1', 'b:1', 'b:2', 'b:3']);
    expect(all.items.at(-1)).toEqual({ family: 'b-2', revision: 1 });
    const newest = await store.taskDefinitions.list(
      scope,
      { status: 'ACTIVE', family: 'b', descending: true },
      { limit: 1 },
    );
    expect(newest).toMatchObject({ items: [{ family: 'b', revision: 12 }], next: 'b!0000000012' });
    expect((await store.taskDefinitions.latest(scope, 'b'))?.revision).toBe(12);
    expect(
      (await store.taskDefinitions.listFamilies(scope, { status: 'ACTIVE', prefix: 'b' }, { limit: 10 })).items,
    ).toEqual(['b', 'b-2']);
  });

  it('leave the family lists with their last revision, and go when no task uses them', async () => {
    await store.taskDefinitions.register(scope, { family: 'f' }, [], 1);
    await register('w1');
    const task = await placeOne();
    const name = { family: 'f', revision: 1 };
    await store.taskDefinitions.change(scope, name, (one) => ({ ...one, status: 'INACTIVE' }));
    expect((await store.taskDefinitions.listFamilies(scope, { status: 'INACTIVE' }, { limit: 10 })).items).toEqual([
      'f',
    ]);
    await store.taskDefinitions.change(scope, name, (one) => ({
      ...one,
      status: 'DELETE_IN_PROGRESS',
      deleteRequestedAt: 5,
    }));
    expect((await store.taskDefinitions.listFamilies(scope, { status: 'ALL' }, { limit: 10 })).items).toEqual([]);
    expect(await store.taskDefinitions.purgeDeleted(100_000, 10)).toBe(0);
    await store.tasks.observe(task, 'i-w1', ({ observed }) => ({ ...observed, stoppedAt: 1 }));
    expect(await store.taskDefinitions.purgeDeleted(100_000, 10)).toBe(1);
    expect(await store.taskDefinitions.get(scope, name)).toBeUndefined();
    expect((await store.taskDefinitions.register(scope, { family: 'f' }, [], 1)).revision).toBe(2);
  });
});

describe('a cluster', () => {
  it('cannot go while tasks live in it, and comes back fresh', async () => {
    await register('w1');
    const task = await placeOne();
    expect((await store.clusters.delete(scope, 'default')).outcome).toBe('has-tasks');
    await store.tasks.observe(task, 'i-w1', ({ observed }) => ({ ...observed, stoppedAt: 1 }));
    expect((await store.clusters.delete(scope, 'default')).outcome).toBe('deleted');
    expect((await store.clusters.list(scope, { limit: 10 })).items).toEqual([]);
    expect((await store.clusters.create(scope, cluster('default'))).created).toBe(true);
    expect((await store.clusters.create(scope, cluster('default'))).created).toBe(false);
  });

  it('takes concurrent changes one after another', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.clusters.change(scope, 'default', (one) => ({
          ...one,
          tags: [...one.tags, { key: `k${index}`, value: '' }],
        })),
      ),
    );
    expect((await store.clusters.get(scope, ['default']))[0]?.cluster.tags).toHaveLength(20);
  });
});

const running = { clusterName: 'default', desiredStatus: 'RUNNING' as const };

function cluster(name: string) {
  return {
    name,
    status: 'ACTIVE' as const,
    settings: [],
    capacityProviders: [],
    defaultCapacityProviderStrategy: [],
    tags: [],
  };
}

async function counts() {
  return (await store.clusters.get(scope, ['default']))[0]?.counts as {
    pending: number;
    running: number;
    live: number;
  };
}

async function register(name: string, of: Partial<WorkerRegistration> = {}, isDead = () => false) {
  await store.workers.register(
    {
      name,
      instance: `i-${name}`,
      process: { bootId: 'b', pid: 1, startedAt: '1' },
      runtime: 'fake',
      cpuArchitecture: 'X86_64',
      cpu: 4096,
      memory: 4096,
      slots: 10,
      ...of,
    },
    isDead,
  );
}

async function place(
  count: number,
  more: { token?: { value: string; requestDigest: string }; startedBy?: string; runtime?: RuntimeName } = {},
) {
  const tasks = Array.from({ length: count }, () => newTask(more));
  return await store.tasks.place(scope, {
    tasks,
    clusterName: 'default',
    ...(more.token ? { token: more.token } : {}),
  });
}

async function placeOne() {
  const result = await place(1);
  if (result.outcome !== 'placed' || !result.tasks[0]) throw new Error(`not placed: ${JSON.stringify(result)}`);
  return result.tasks[0];
}

let made = 0;
function newTask({ startedBy, runtime }: { startedBy?: string; runtime?: RuntimeName } = {}): NewTask {
  made += 1;
  const spec: Omit<TaskSpec, 'worker'> = {
    ...scope,
    taskId: made.toString(16).padStart(32, '0'),
    clusterName: 'default',
    family: 'f',
    revision: 1,
    group: 'family:f',
    ...(startedBy === undefined ? {} : { startedBy }),
    ...(runtime === undefined ? {} : { runtime }),
    cpu: 256,
    memory: 512,
    ephemeralStorageGiB: 20,
    platformVersion: '1.4.0',
    platformFamily: 'Linux',
    cpuArchitecture: 'X86_64',
    availabilityZone: 'us-east-1a',
    subnetId: 'subnet-12345678',
    securityGroups: [],
    assignPublicIp: false,
    attachmentId: 'a',
    enableExecuteCommand: false,
    overrides: {},
    containers: [{ name: 'app', image: 'i', essential: true, id: 'c', runtimeId: 'r', cpu: 0, hasHealthCheck: false }],
    createdAt: 1,
  };
  return { spec, wanted: { tags: [] } };
}
