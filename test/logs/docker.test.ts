/** Output of real containers in their log streams: whole, in order and once, whatever happens meanwhile. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  CloudWatchLogsClient,
  CreateLogStreamCommand,
  GetLogEventsCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import type { ECSClient } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineMissing, makeBusyboxImage, type TestImage } from '../runtime/images.ts';
import { eventually } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { createInstance, type Instance, type RoleProcess } from '../support/processes.ts';
import { fillDisk, mountSmallDisk, noSmallDisk } from '../support/small-disk.ts';
import { createDefaultCluster, idOf, register, run, stop, until, untilStopped } from '../support/tasks.ts';

const missing = await engineMissing();
const group = '/test/output';

describe.skipIf(missing !== undefined)(`output of containers on Docker ${missing ?? ''}`, () => {
  let instance: Instance;
  let image: TestImage;
  let api: RoleProcess;
  let worker: RoleProcess;
  let ecs: ECSClient;
  let logs: CloudWatchLogsClient;
  /** Where logs are kept. */
  let disk: string;
  let unmount = () => {};

  beforeAll(async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'longshore-'));
    disk = join(dataDir, 'logs-store');
    mkdirSync(disk);
    if (noSmallDisk === '') unmount = mountSmallDisk(disk, 32);
    image = await makeBusyboxImage(`longshore-test-${randomBytes(4).toString('hex')}`, '1');
    instance = await createInstance({ runtime: 'docker', dataDir });
    [api, worker] = await Promise.all([instance.startApi(), instance.startWorker()]);
    ecs = instance.client({ maxAttempts: 10 });
    await createDefaultCluster(ecs);
    logs = logsClient(10);
  });
  afterAll(async () => {
    logs?.destroy();
    try {
      if (instance) await nothingLeft(instance).finally(instance.close);
    } finally {
      unmount();
      if (disk) rmSync(dirname(disk), { recursive: true, force: true });
      await image?.remove();
    }
  });

  function logsClient(maxAttempts: number): CloudWatchLogsClient {
    const { endpoint, credential: credentials } = instance;
    return new CloudWatchLogsClient({ endpoint, region: 'us-east-1', credentials, maxAttempts });
  }

  async function start(family: string, script: string, more: Record<string, string> = {}): Promise<string> {
    const options = { ...optionsOf(family), ...more };
    await register(
      ecs,
      family,
      [
        {
          image: image.name,
          command: ['sh', '-c', script],
          logConfiguration: { logDriver: 'awslogs', options },
        },
      ],
      { executionRoleArn },
    );
    const [task = ''] = await run(ecs, family);
    return task;
  }

  const executionRoleArn = 'arn:aws:iam::000000000000:role/execution';
  const optionsOf = (family: string) => ({
    'awslogs-group': group,
    'awslogs-region': 'us-east-1',
    'awslogs-stream-prefix': family,
    'awslogs-create-group': 'true',
  });

  const messagesOf = async (family: string, task: string) => await messagesIn(`${family}/app/${idOf(task)}`);

  async function messagesIn(logStreamName: string): Promise<readonly string[]> {
    const found: string[] = [];
    for (let nextToken: string | undefined; ; ) {
      const { events = [], nextForwardToken } = await logs.send(
        new GetLogEventsCommand({
          logGroupName: group,
          logStreamName,
          startFromHead: true,
          nextToken,
        }),
      );
      found.push(...events.map(({ message = '' }) => message));
      if (nextForwardToken === nextToken) return found;
      nextToken = nextForwardToken;
    }
  }

  const atLeast = async (family: string, task: string, count: number) =>
    await eventually(`${count} lines`, async () =>
      (await messagesOf(family, task)).length >= count ? true : undefined,
    );

  test('every line once and in order, while worker and API are killed', async () => {
    const lines = 400;
    const task = await start(
      'numbered',
      `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo line $i; [ $((i % 4)) = 0 ] && sleep 0.1; done`,
    );
    await until(ecs, [task], 'RUNNING');
    await atLeast('numbered', task, 20);
    await worker.kill();
    worker = await instance.startWorker();
    await atLeast('numbered', task, 80);
    await api.kill();
    api = await instance.startApi();
    await untilStopped(ecs, task);
    const expected = Array.from({ length: lines }, (_, index) => `line ${index + 1}`);
    expect(await messagesOf('numbered', task)).toEqual(expected);
  });

  test('the line of a container that is gone at once', async () => {
    const task = await start('short', 'echo x');
    await untilStopped(ecs, task);
    expect(await messagesOf('short', task)).toEqual(['x']);
  });

  test('a line of a megabyte is cut, and bytes that are no text are replaced', async () => {
    const size = 2 ** 20;
    const script = `head -c ${size} /dev/zero | tr '\\0' a; echo; printf 'b\\377\\376c\\000d\\n'; echo ü`;
    const task = await start('odd', script);
    await untilStopped(ecs, task);
    const messages = await messagesOf('odd', task);
    const parts = messages.slice(0, -2);
    expect(parts.map(({ length }) => length)).toEqual([262_118, 262_118, 262_118, 262_118, size - 4 * 262_118]);
    expect(parts.join('') === 'a'.repeat(size)).toBe(true);
    expect(messages.slice(-2)).toEqual(['b\ufffd\ufffdc\0d', 'ü']);
    if (existsSync(aws)) expect((await tail('odd', task)).join('\n')).toBe(messages.join('\n'));
  });

  const aws = '/usr/bin/aws';

  /** What the AWS CLI shows of a stream. */
  async function tail(family: string, task: string): Promise<readonly string[]> {
    const { accessKeyId, secretAccessKey } = instance.credential;
    const args = ['logs', 'tail', group, '--log-stream-names', `${family}/app/${idOf(task)}`, '--format', 'short'];
    const { stdout } = await promisify(execFile)(aws, ['--endpoint-url', instance.endpoint, ...args], {
      maxBuffer: 2 ** 24,
      env: {
        PATH: process.env.PATH,
        LC_ALL: 'C.UTF-8',
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_DEFAULT_REGION: 'us-east-1',
      },
    });
    // Each begins with its time.
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.slice('2026-01-01T00:00:00 '.length));
  }

  test('a log router has its configuration, starts before what it serves, hears from it, and stops after it', async () => {
    // Says what it is told; a standard input without end keeps nc listening.
    const router = `cat /fluent-bit/etc/fluent-bit.conf; busybox mkfifo /tmp/in; exec 3<>/tmp/in
      while :; do nc -l -p 24224 <&3; done &
      trap 'echo router stops; exit 0' TERM; wait`;
    const app = `say() { until echo "$1" | nc $FLUENT_HOST $FLUENT_PORT 2>/tmp/no; do sleep 0.1; done; }
      say "app at $FLUENT_HOST:$FLUENT_PORT"; trap 'say "app stops"; exit 0' TERM; while :; do sleep 0.1; done`;
    const family = 'routed';
    await register(
      ecs,
      family,
      [
        {
          image: image.name,
          command: ['sh', '-c', app],
          logConfiguration: { logDriver: 'awsfirelens', options: { Name: 'stdout', 'exclude-pattern': 'health' } },
        },
        {
          image: image.name,
          command: ['sh', '-c', router],
          firelensConfiguration: { type: 'fluentbit' },
          logConfiguration: { logDriver: 'awslogs', options: optionsOf(family) },
        },
      ],
      { executionRoleArn },
    );
    const [task = ''] = await run(ecs, family);
    const told = async () => await messagesIn(`${family}/side1/${idOf(task)}`).catch(() => []);
    await eventually('the router to hear', async () =>
      (await told()).some((line) => line.startsWith('app')) ? true : undefined,
    );
    await stop(ecs, task);
    await untilStopped(ecs, task);
    const messages = await told();
    const configuration = messages.filter((line) => !/^(app|router) /.test(line)).map((line) => line.trim());
    expect(configuration).toEqual(
      expect.arrayContaining([
        'Exclude log health',
        'Record ecs_cluster default',
        `Record ecs_task_arn ${task}`,
        `Record ecs_task_definition ${family}:1`,
        'Match app-firelens*',
      ]),
    );
    expect(messages.slice(-3)).toEqual(['app at 127.0.0.1:24224', 'app stops', 'router stops']);
  });

  test.skipIf(noSmallDisk !== '')(
    `a full disk refuses what cannot be kept, and holds up a container's lines until there is room${noSmallDisk}`,
    async () => {
      const lines = 300;
      const task = await start(
        'patient',
        `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo line $i; [ $((i % 10)) = 0 ] && sleep 0.1; done`,
        { mode: 'blocking' },
      );
      await atLeast('patient', task, 20);
      await logs.send(new CreateLogStreamCommand({ logGroupName: group, logStreamName: 'noise' }));
      const ballast = join(disk, 'ballast');
      fillDisk(ballast);
      const impatient = logsClient(1);
      const acknowledged: string[] = [];
      const put = async () => {
        const message = randomBytes(2 ** 15).toString('hex');
        const logEvents = [{ timestamp: Date.now(), message }];
        await impatient.send(new PutLogEventsCommand({ logGroupName: group, logStreamName: 'noise', logEvents }));
        acknowledged.push(message);
      };
      const refusal = { name: 'ServiceUnavailableException', $metadata: { httpStatusCode: 500 } };
      const filling = async () => {
        while (acknowledged.length < 1000) await put();
      };
      await expect(filling()).rejects.toMatchObject(refusal);
      await expect(put()).rejects.toMatchObject(refusal);
      const held = await messagesOf('patient', task);
      expect(await messagesIn('noise')).toEqual(acknowledged);
      rmSync(ballast);
      await untilStopped(ecs, task);
      const expected = Array.from({ length: lines }, (_, index) => `line ${index + 1}`);
      expect(held).toEqual(expected.slice(0, held.length));
      expect(await messagesOf('patient', task)).toEqual(expected);
      await put();
      expect(await messagesIn('noise')).toEqual(acknowledged);
      impatient.destroy();
    },
  );
});
