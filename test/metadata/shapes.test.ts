/** The metadata endpoint's answers from facts alone. */
import { describe, expect, test } from 'vitest';
import type { Task } from '../../core/task.ts';
import type { ContainerStats } from '../../runtime/driver.ts';
import { describeTask, type Subject } from '../../worker/metadata/describe.ts';
import { dockerStats, networkRate } from '../../worker/metadata/docker-stats.ts';
import { createRateLimit } from '../../worker/metadata/rate-limit.ts';
import { type Asker, answerMetadata } from '../../worker/metadata/routes.ts';
import { createStorageReadings } from '../../worker/metadata/storage.ts';
import type { RunningTask } from '../../worker/task-runner.ts';

const spec = {
  accountId: '111122223333',
  region: 'us-east-1',
  taskId: 'abc',
  clusterName: 'prod',
  family: 'web',
  revision: 3,
  serviceName: 'shop',
  cpu: 512,
  memory: 1024,
  ephemeralStorageGiB: 20,
  availabilityZone: 'us-east-1b',
  containers: [
    { name: 'app', image: 'app:1', essential: true, id: 'c1', runtimeId: 'abc-1', cpu: 0, hasHealthCheck: true },
    {
      name: 'side',
      image: 'side:1',
      essential: false,
      id: 'c2',
      runtimeId: 'abc-2',
      cpu: 10,
      memory: 64,
      hasHealthCheck: false,
    },
  ],
} as unknown as Task['spec'];

const task = (containers: Task['observed']['containers'], more: Partial<Task['observed']> = {}): Task => ({
  spec,
  wanted: { tags: [{ key: 'team', value: 'a' }] },
  observed: { containers, ...more },
  version: 1,
  revision: 1,
});
const subject = (of: Task): Subject => ({
  task: of,
  containers: [
    {
      name: 'app',
      logConfiguration: {
        logDriver: 'awslogs',
        options: { 'awslogs-group': '/g', 'awslogs-region': 'us-east-1', 'awslogs-stream-prefix': 'ecs' },
      },
    },
    { name: 'side' },
  ],
  network: { subnet: '10.0.0.0/24', gateway: '10.0.0.1' },
});
const at = Date.parse('2026-01-02T03:04:05.678Z');
const running = { imageDigest: 'sha256:1', createdAt: at, startedAt: at };

describe('a task', () => {
  test('in version 4', () => {
    const told = describeTask(subject(task({ app: { ...running, health: 'HEALTHY' }, side: running })), 'v4');
    expect(told).toMatchObject({
      Cluster: 'arn:aws:ecs:us-east-1:111122223333:cluster/prod',
      ServiceName: 'shop',
      KnownStatus: 'RUNNING',
      Limits: { CPU: 0.5, Memory: 1024 },
      Containers: [
        {
          Limits: { CPU: 2 },
          Health: { status: 'HEALTHY' },
          StartedAt: '2026-01-02T03:04:05.678Z',
          LogOptions: { 'awslogs-group': '/g', 'awslogs-region': 'us-east-1', 'awslogs-stream': 'ecs/app/abc' },
        },
        { Limits: { CPU: 10, Memory: 64 } },
      ],
    });
  });

  test('what it uses of its disk, in version 4 and where it is known', () => {
    const all = { ...subject(task({ app: running, side: running })), storageUsed: 261.4 * 2 ** 20 };
    expect(describeTask(all, 'v4')).toMatchObject({ EphemeralStorageMetrics: { Utilized: 261, Reserved: 20_480 } });
    for (const told of [describeTask(all, 'v3'), describeTask({ ...all, storageUsed: undefined }, 'v4')])
      expect(told).not.toHaveProperty('EphemeralStorageMetrics');
  });

  test.each([
    ['before any image', {}, 'NONE'],
    ['when one waits', { app: running, side: { imageDigest: 'sha256:2' } }, 'PULLED'],
    ['when both run', { app: running, side: running }, 'RUNNING'],
    ['when one that is not essential ended', { app: running, side: { ...running, finishedAt: at } }, 'RUNNING'],
    ['when both ended', { app: { ...running, finishedAt: at }, side: { ...running, finishedAt: at } }, 'STOPPED'],
  ])('%s', (_, containers, status) => {
    const known = describeTask(subject(task(containers)), 'v3') as { KnownStatus: string };
    expect(known.KnownStatus).toBe(status);
  });
});

describe('statistics', () => {
  const reading = (when: number, cpu: number, received: number): ContainerStats => ({
    at: when,
    cpuNanoseconds: cpu,
    memoryBytes: 5,
    network: {
      received: { bytes: received, packets: 1, errors: 0, dropped: 0 },
      sent: { bytes: 0, packets: 0, errors: 0, dropped: 0 },
    },
    blockIo: [{ device: '8:16', readBytes: 10, writtenBytes: 20, reads: 1, writes: 2 }],
  });

  test('have Docker’s form', () => {
    const told = dockerStats({ runtimeId: 'abc-1', name: 'app' }, reading(at, 9, 100), reading(at - 2000, 4, 0));
    expect(told).toMatchObject({
      id: 'abc-1',
      cpu_stats: { cpu_usage: { total_usage: 9 } },
      precpu_stats: { cpu_usage: { total_usage: 4 } },
      networks: { eth1: { rx_bytes: 100, tx_bytes: 0 } },
    });
    expect(
      (told as { blkio_stats: { io_service_bytes_recursive: unknown } }).blkio_stats.io_service_bytes_recursive,
    ).toEqual([
      { major: 8, minor: 16, op: 'Read', value: 10 },
      { major: 8, minor: 16, op: 'Write', value: 20 },
      { major: 8, minor: 16, op: 'Total', value: 30 },
    ]);
  });

  test('rates need two readings', () => {
    expect(networkRate(reading(at, 0, 100), undefined)).toBeUndefined();
    expect(networkRate(reading(at, 0, 100), reading(at - 2000, 0, 0))).toEqual({
      rx_bytes_per_sec: 50,
      tx_bytes_per_sec: 0,
    });
  });
});

test('a disk is looked at when somebody asks, once for all who ask at the time, and not again for half a minute', async () => {
  let now = at;
  const asked: string[] = [];
  const sizes = [5, undefined, 7];
  const driver = {
    async storageUsed(id: string) {
      const size = sizes[asked.push(id) - 1];
      if (size === undefined) throw new Error('no engine');
      return size;
    },
  };
  const readings = createStorageReadings(driver, () => now);
  const started = new Map([['app', { handle: { sandboxId: 's', name: 'app', id: 'x' } }]]);
  const of = { started, log: { debug: () => {} } } as unknown as RunningTask;
  expect(await Promise.all([readings.of(of), readings.of(of)])).toEqual([5, 5]);
  now += 29_000;
  expect(await readings.of(of)).toBe(5);
  expect(asked).toEqual(['s']);
  // What is older is told while a newer one is found out.
  for (const [known, times] of [
    [5, 2],
    [5, 3],
    [7, 3],
  ] as const) {
    now += times === 3 ? 1 : 2000;
    expect([await readings.of(of), asked.length]).toEqual([known, times]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await readings.of({ ...of, started: new Map() } as RunningTask)).toBeUndefined();
});

test('a task may ask 60 times at once and 40 times a second', () => {
  let now = at;
  const limit = createRateLimit({ steady: 40, burst: 60 }, () => now);
  const asked = (times: number) => Array.from({ length: times }, () => limit.allows('a')).filter(Boolean).length;
  expect(asked(100)).toBe(60);
  expect(limit.allows('b')).toBe(true);
  now += 1000;
  expect(asked(100)).toBe(40);
});

describe('paths', () => {
  const asker: Asker = {
    subject: async () => subject(task({ app: running, side: running })),
    role: async () => undefined,
    failed: () => {},
    stats: async () => undefined,
    protection: async () => ({ status: 200, contentType: '', body: '' }),
  };
  const ask = async (path: string, from: Asker | undefined = asker) =>
    await answerMetadata({ method: 'GET', path, query: new URLSearchParams(), body: '' }, from);

  test.each([
    [
      '/v4/no',
      404,
      '"V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: no"',
    ],
    [
      '/v4/no/task',
      404,
      '"V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: no"',
    ],
    [
      '/v4/no/task/stats',
      404,
      '"V4 task stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: no"',
    ],
    [
      '/v3/no',
      500,
      '"V3 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: no"',
    ],
    [
      '/v3/no/stats',
      400,
      '"V3 container stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: no"',
    ],
    [
      '/v2/credentials/',
      400,
      '{"code":"NoIdInRequest","message":"CredentialsV2Request: No Credential ID in the request","HTTPErrorCode":400}',
    ],
    [
      '/v2/credentials/x',
      400,
      '{"code":"InvalidIdInRequest","message":"CredentialsV2Request: Credentials not found","HTTPErrorCode":400}',
    ],
    ['/', 404, '404 page not found\n'],
  ])('%s', async (path, status, body) => {
    expect(await ask(path)).toMatchObject({ status, body });
  });

  test('from nowhere nothing is known', async () => {
    for (const path of ['/v4/abc-1', '/v4/abc-1/task']) {
      expect((await ask(path)).status).toBe(200);
      expect(
        (await answerMetadata({ method: 'GET', path, query: new URLSearchParams(), body: '' }, undefined)).status,
      ).toBe(404);
    }
    expect(JSON.parse((await ask('/v4/abc-1/taskWithTags')).body).TaskTags).toEqual({ team: 'a' });
    expect(await ask('//v4//abc-1')).toMatchObject({ status: 301, headers: { location: '/v4/abc-1' } });
  });
});
