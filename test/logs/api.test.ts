/** CloudWatch Logs through the SDK: groups, streams, events, filters, live tail, tags. */
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  PutLogEventsCommand,
  StartLiveTailCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiStack, createApiStack } from '../support/stack.ts';

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
