/** Output of real containers in their log streams: whole, in order and once, whichever process is killed meanwhile. */
import { randomBytes } from 'node:crypto';
import { CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import type { ECSClient } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineMissing, makeBusyboxImage, type TestImage } from '../runtime/images.ts';
import { eventually } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { createInstance, type Instance, type RoleProcess } from '../support/processes.ts';
import { createDefaultCluster, idOf, register, run, until, untilStopped } from '../support/tasks.ts';

const missing = await engineMissing();
const group = '/test/output';

describe.skipIf(missing !== undefined)(`output of containers on Docker ${missing ?? ''}`, () => {
  let instance: Instance;
  let image: TestImage;
  let api: RoleProcess;
  let worker: RoleProcess;
  let ecs: ECSClient;
  let logs: CloudWatchLogsClient;

  beforeAll(async () => {
    image = await makeBusyboxImage(`longshore-test-${randomBytes(4).toString('hex')}`, '1');
    instance = await createInstance({ runtime: 'docker' });
    [api, worker] = await Promise.all([instance.startApi(), instance.startWorker()]);
    ecs = instance.client({ maxAttempts: 10 });
    await createDefaultCluster(ecs);
    logs = new CloudWatchLogsClient({
      endpoint: instance.endpoint,
      region: 'us-east-1',
      credentials: instance.credential,
      maxAttempts: 10,
    });
  });
  afterAll(async () => {
    logs?.destroy();
    if (instance) await nothingLeft(instance).finally(instance.close);
    await image?.remove();
  });

  async function start(family: string, script: string): Promise<string> {
    const options = {
      'awslogs-group': group,
      'awslogs-region': 'us-east-1',
      'awslogs-stream-prefix': family,
      'awslogs-create-group': 'true',
    };
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
      { executionRoleArn: 'arn:aws:iam::000000000000:role/execution' },
    );
    const [task = ''] = await run(ecs, family);
    return task;
  }

  async function messagesOf(family: string, task: string): Promise<readonly string[]> {
    const found: string[] = [];
    for (let nextToken: string | undefined; ; ) {
      const { events = [], nextForwardToken } = await logs.send(
        new GetLogEventsCommand({
          logGroupName: group,
          logStreamName: `${family}/app/${idOf(task)}`,
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
    expect(Math.max(...parts.map(({ length }) => length))).toBeLessThanOrEqual(262_118);
    expect(parts).toHaveLength(5);
    expect(parts.join('') === 'a'.repeat(size)).toBe(true);
    expect(messages.slice(-2)).toEqual(['b\ufffd\ufffdc\0d', 'ü']);
  });
});
