/** CloudWatch Logs through the SDK: groups, streams, events, filters, live tail, tags. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import {
  CloudWatchLogsClient,
  CreateExportTaskCommand,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DeleteLogGroupCommand,
  DescribeLogGroupsCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  type InputLogEvent,
  ListTagsForResourceCommand,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
  StartLiveTailCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLogs } from '../../api/logs/open.ts';
import { connectRedis } from '../../core/redis.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let stack: ApiStack;
let logs: CloudWatchLogsClient;

beforeAll(async () => {
  stack = await createApiStack();
  logs = new CloudWatchLogsClient({
    endpoint: stack.endpoint,
    region: 'us-east-1',
    credentials: await stack.key(),
    disableHostPrefix: true,
  });
});
afterAll(async () => {
  logs?.destroy();
  await stack?.close();
});

async function makeStream(logGroupName: string, logStreamName: string): Promise<void> {
  await logs.send(new CreateLogGroupCommand({ logGroupName })).catch(() => {});
  await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
}

describe('events', () => {
  it('are read as they were put', async () => {
    await makeStream('/app', 'one');
    const now = Date.now();
    await logs.send(
      new PutLogEventsCommand({
        logGroupName: '/app',
        logStreamName: 'one',
        logEvents: [1, 2, 3].map((n) => ({ timestamp: now + n, message: `line ${n} ü` })),
      }),
    );
    const first = await logs.send(new GetLogEventsCommand({ logGroupName: '/app', logStreamName: 'one' }));
    expect(first.events?.map(({ message }) => message)).toEqual(['line 1 ü', 'line 2 ü', 'line 3 ü']);
    const again = await logs.send(
      new GetLogEventsCommand({ logGroupName: '/app', logStreamName: 'one', nextToken: first.nextForwardToken }),
    );
    expect([again.events, again.nextForwardToken]).toEqual([[], first.nextForwardToken]);
    const found = await logs.send(new FilterLogEventsCommand({ logGroupName: '/app', filterPattern: '"line 2"' }));
    expect(found.events).toMatchObject([{ message: 'line 2 ü', logStreamName: 'one' }]);
    const { logStreams } = await logs.send(new DescribeLogStreamsCommand({ logGroupName: '/app' }));
    expect(logStreams).toMatchObject([{ firstEventTimestamp: now + 1, lastEventTimestamp: now + 3 }]);
  });

  async function put(logStreamName: string, logEvents: InputLogEvent[]) {
    return await logs.send(new PutLogEventsCommand({ logGroupName: '/app', logStreamName, logEvents }));
  }

  it('go page by page in both directions, to ends that stay', async () => {
    await makeStream('/app', 'pages');
    const now = Date.now();
    const all = Array.from({ length: 25 }, (_, n) => ({ timestamp: now + Math.floor(n / 2), message: `p${n}` }));
    await put('pages', all);
    const get = async (input: object) =>
      await logs.send(new GetLogEventsCommand({ logGroupName: '/app', logStreamName: 'pages', limit: 10, ...input }));
    const collect = async (direction: 'nextForwardToken' | 'nextBackwardToken', first: object) => {
      const pages: string[][] = [];
      for (let token: string | undefined; ; ) {
        const page = await get({ ...first, nextToken: token });
        if (page[direction] === token) return pages;
        pages.push((page.events ?? []).map(({ message = '' }) => message));
        token = page[direction];
      }
    };
    const names = all.map(({ message }) => message);
    expect((await collect('nextForwardToken', { startFromHead: true })).flat()).toEqual(names);
    expect((await collect('nextBackwardToken', {})).reverse().flat()).toEqual(names);
    const between = await get({ startTime: now + 3, endTime: now + 5, startFromHead: true });
    expect(between.events?.map(({ message }) => message)).toEqual(['p6', 'p7', 'p8', 'p9']);
    const found: string[] = [];
    for (let nextToken: string | undefined; ; ) {
      const page = await logs.send(
        new FilterLogEventsCommand({ logGroupName: '/app', logStreamNamePrefix: 'pa', limit: 7, nextToken }),
      );
      found.push(...(page.events ?? []).map(({ message = '' }) => message));
      nextToken = page.nextToken;
      if (nextToken === undefined) break;
    }
    expect(found).toEqual(names);
  });

  it('are refused in the words of CloudWatch Logs', async () => {
    await makeStream('/app', 'limits');
    const now = Date.now();
    const refusals: readonly (readonly [InputLogEvent[], string])[] = [
      [
        [
          { timestamp: now, message: 'b' },
          { timestamp: now - 1, message: 'a' },
        ],
        'Log events in a single PutLogEvents request must be in chronological order.',
      ],
      [
        [{ timestamp: now, message: 'x'.repeat(1_048_576) }],
        'Log event too large: 1048602 bytes exceeds limit of 1048576',
      ],
      [
        [
          { timestamp: now - 90_000_000, message: 'a' },
          { timestamp: now, message: 'b' },
        ],
        'The batch of log events in a single PutLogEvents request cannot span more than 24 hours.',
      ],
      [
        [
          { timestamp: now, message: 'x'.repeat(600_000) },
          { timestamp: now, message: 'x'.repeat(600_000) },
        ],
        'Upload too large: 1200052 bytes exceeds limit of 1048576',
      ],
    ];
    for (const [events, message] of refusals)
      await expect(put('limits', events)).rejects.toMatchObject({ name: 'InvalidParameterException', message });
    const hour = 3_600_000;
    const { rejectedLogEventsInfo } = await put('limits', [
      { timestamp: now, message: 'good' },
      { timestamp: now + 3 * hour, message: 'too new' },
    ]);
    expect(rejectedLogEventsInfo).toEqual({ tooNewLogEventStartIndex: 1 });
    const old = await put('limits', [{ timestamp: now - 15 * 24 * hour, message: 'too old' }]);
    expect(old.rejectedLogEventsInfo).toEqual({ tooOldLogEventEndIndex: 1 });
    await expect(put('missing', [{ timestamp: now, message: 'x' }])).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'The specified log stream does not exist.',
    });
  });

  it.skipIf(!existsSync('/usr/bin/aws'))('are shown by the AWS CLI', async () => {
    await makeStream('/app', 'cli');
    await put('cli', [
      { timestamp: Date.now(), message: 'to be seen' },
      { timestamp: Date.now(), message: 'to be left out' },
    ]);
    const { accessKeyId, secretAccessKey } = await stack.key();
    const args = ['--endpoint-url', stack.endpoint, 'logs', 'tail', '/app', '--since', '5m', '--format', 'short'];
    const { stdout } = await promisify(execFile)('/usr/bin/aws', [...args, '--filter-pattern', 'seen'], {
      env: {
        PATH: process.env.PATH,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_DEFAULT_REGION: 'us-east-1',
      },
    });
    expect(stdout.trim().split('\n')).toEqual([expect.stringMatching(/ to be seen$/)]);
  });

  it('are told live', async () => {
    await makeStream('/live', 'one');
    const { responseStream } = await logs.send(
      new StartLiveTailCommand({ logGroupIdentifiers: ['arn:aws:logs:us-east-1:000000000000:log-group:/live'] }),
    );
    const told: string[] = [];
    for await (const event of responseStream ?? []) {
      if (event.sessionStart)
        await logs.send(
          new PutLogEventsCommand({
            logGroupName: '/live',
            logStreamName: 'one',
            logEvents: [{ timestamp: Date.now(), message: 'now' }],
          }),
        );
      for (const { message = '' } of event.sessionUpdate?.sessionResults ?? []) told.push(message);
      if (told.length > 0) break;
    }
    expect(told).toEqual(['now']);
  });
});

describe('groups', () => {
  const arn = 'arn:aws:logs:us-east-1:000000000000:log-group:/tagged';

  it('are listed, tagged, limited in time and deleted', async () => {
    await logs.send(new CreateLogGroupCommand({ logGroupName: '/tagged', tags: { a: '1', b: '2' } }));
    await expect(logs.send(new CreateLogGroupCommand({ logGroupName: '/tagged' }))).rejects.toMatchObject({
      name: 'ResourceAlreadyExistsException',
      message: 'The specified log group already exists',
    });
    await logs.send(new TagResourceCommand({ resourceArn: arn, tags: { c: '3' } }));
    for (const asked of [
      logs.send(new TagResourceCommand({ resourceArn: arn, tags: { 'aws:x': 'y' } })),
      logs.send(new CreateLogGroupCommand({ logGroupName: '/other', tags: { 'AWS:x': 'y' } })),
    ])
      await expect(asked).rejects.toMatchObject({ name: 'InvalidParameterException' });
    await logs.send(new UntagResourceCommand({ resourceArn: arn, tagKeys: ['a'] }));
    const { tags } = await logs.send(new ListTagsForResourceCommand({ resourceArn: arn }));
    expect(tags).toEqual({ b: '2', c: '3' });
    await expect(
      logs.send(new PutRetentionPolicyCommand({ logGroupName: '/tagged', retentionInDays: 2 })),
    ).rejects.toThrow(/Member must satisfy enum value set/);
    await logs.send(new PutRetentionPolicyCommand({ logGroupName: '/tagged', retentionInDays: 7 }));
    const { logGroups } = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: '/tag' }));
    expect(logGroups).toMatchObject([
      { logGroupName: '/tagged', retentionInDays: 7, arn: `${arn}:*`, logGroupArn: arn, storedBytes: 0 },
    ]);
    await logs.send(new DeleteLogGroupCommand({ logGroupName: '/tagged' }));
    await expect(logs.send(new DescribeLogStreamsCommand({ logGroupIdentifier: arn }))).rejects.toMatchObject({
      message: 'The specified log group does not exist.',
    });
  });

  it("are another account's own", async () => {
    await makeStream('/own', 'one');
    const other = new CloudWatchLogsClient({
      endpoint: stack.endpoint,
      region: 'us-east-1',
      credentials: await stack.key('111122223333'),
    });
    expect((await other.send(new DescribeLogGroupsCommand({}))).logGroups).toEqual([]);
    other.destroy();
  });

  it('say what is not built', async () => {
    await expect(
      logs.send(new CreateExportTaskCommand({ logGroupName: '/app', from: 0, to: 1, destination: 'bucket' })),
    ).rejects.toMatchObject({ name: 'InvalidOperationException' });
  });
});

describe('an API process beside the one that keeps the logs', () => {
  it('passes requests on to it', async () => {
    await makeStream('/shared', 'one');
    const redis = connectRedis(stack.redisUrl, { patience: 3, name: 'second' });
    const second = await openLogs({
      redis,
      prefix: stack.prefix,
      folder: await temporaryDirectory(),
      limit: 2 ** 30,
      sessions: stack.sessions,
      clock: Date.now,
      newUuid: () => 'x',
      log: pino({ level: 'silent' }),
    });
    try {
      await second.announce('http://127.0.0.1:1');
      const context = {
        caller: {
          accountId: '000000000000',
          region: 'us-east-1',
          arn: 'arn:aws:iam::000000000000:root',
          accessKeyId: '',
        },
        requestId: 'x',
        origin: stack.endpoint,
      };
      const listed = await second.handlers.DescribeLogStreams?.({ logGroupName: '/shared' }, context);
      expect(listed?.logStreams).toMatchObject([{ logStreamName: 'one' }]);
      await expect(second.handlers.DescribeLogStreams?.({ logGroupName: '/none' }, context)).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
      });
    } finally {
      await second.close();
      redis.disconnect();
    }
  });
});
