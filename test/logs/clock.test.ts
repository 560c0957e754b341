/** CloudWatch Logs while the clock of the host jumps. */
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DescribeLogStreamsCommand,
  type FilteredLogEvent,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerHandle, LogChunk } from '../../runtime/driver.ts';
import { awslogsSink } from '../../worker/output/awslogs.ts';
import { openCursor } from '../../worker/output/cursor.ts';
import { startShipper } from '../../worker/output/shipper.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const noon = Date.parse('2026-06-15T12:00:00Z');
const group = '/clock';

let now = noon;
let stack: ApiStack;
let logs: CloudWatchLogsClient;

beforeAll(async () => {
  stack = await createApiStack({ clock: () => now });
  logs = new CloudWatchLogsClient({
    endpoint: stack.endpoint,
    region: 'us-east-1',
    credentials: await stack.key(),
  });
  await logs.send(new CreateLogGroupCommand({ logGroupName: group }));
});
afterAll(async () => {
  logs?.destroy();
  await stack?.close();
});

async function makeStream(logStreamName: string): Promise<void> {
  now = noon;
  await logs.send(new CreateLogStreamCommand({ logGroupName: group, logStreamName }));
}

async function put(logStreamName: string, ...times: readonly number[]) {
  const logEvents = times.map((timestamp) => ({ timestamp, message: `at ${timestamp - noon}` }));
  const { rejectedLogEventsInfo } = await logs.send(
    new PutLogEventsCommand({ logGroupName: group, logStreamName, logEvents }),
  );
  return rejectedLogEventsInfo;
}

async function get(logStreamName: string, nextToken?: string) {
  return await logs.send(
    new GetLogEventsCommand({ logGroupName: group, logStreamName, startFromHead: true, nextToken }),
  );
}

const offsets = (events: readonly { readonly timestamp?: number }[] = []) =>
  events.map(({ timestamp = 0 }) => timestamp - noon);

describe('events', () => {
  it('that are too old or too new are told by their places, also after the clock has jumped', async () => {
    await makeStream('refused');
    expect(await put('refused', noon - 14 * day - 1, noon - 14 * day)).toEqual({ tooOldLogEventEndIndex: 1 });
    expect(await put('refused', noon, noon + 2 * hour, noon + 2 * hour + 1)).toEqual({ tooNewLogEventStartIndex: 2 });
    expect(await put('refused', noon + 3 * hour)).toEqual({ tooNewLogEventStartIndex: 0 });
    now = noon - 3 * hour;
    expect(await put('refused', noon - 3 * hour, noon - hour, noon)).toEqual({ tooNewLogEventStartIndex: 2 });
    now = noon + 10 * day;
    await expect(put('refused', noon, now)).rejects.toThrow('cannot span more than 24 hours');
    now = noon + 20 * day;
    expect(await put('refused', noon)).toEqual({ tooOldLogEventEndIndex: 1 });
  });

  it('stand in the order of their time, and all of them are read', async () => {
    await makeStream('steps');
    await put('steps', noon, noon + 1, noon + 2);
    now = noon - hour;
    await put('steps', now, now + 1);
    now = noon + 5 * hour;
    await put('steps', now, now + 1);
    now = noon + 3;
    await put('steps', noon + 1, noon + 3);
    const inOrder = [-hour, -hour + 1, 0, 1, 1, 2, 3, 5 * hour, 5 * hour + 1];
    const { events, nextForwardToken } = await get('steps');
    expect(offsets(events)).toEqual(inOrder);
    expect(events?.map(({ ingestionTime = 0 }) => ingestionTime - noon)).toEqual([
      -hour,
      -hour,
      0,
      0,
      3,
      0,
      3,
      5 * hour,
      5 * hour,
    ]);
    const backwards = await logs.send(
      new GetLogEventsCommand({
        logGroupName: group,
        logStreamName: 'steps',
        nextToken: nextForwardToken?.replace(/^f/, 'b'),
      }),
    );
    expect(offsets(backwards.events)).toEqual(inOrder.slice(0, -1));
    const { logStreams } = await logs.send(
      new DescribeLogStreamsCommand({ logGroupName: group, logStreamNamePrefix: 'steps' }),
    );
    expect(logStreams).toMatchObject([
      { firstEventTimestamp: noon - hour, lastEventTimestamp: noon + 5 * hour + 1, lastIngestionTime: noon + 5 * hour },
    ]);
    const filtered: FilteredLogEvent[] = [];
    for (let nextToken: string | undefined; ; ) {
      const page = await logs.send(
        new FilterLogEventsCommand({ logGroupName: group, logStreamNames: ['steps'], limit: 2, nextToken }),
      );
      filtered.push(...(page.events ?? []));
      // Between pages the clock jumps too.
      now += filtered.length % 4 === 0 ? 2 * day : -2 * day;
      nextToken = page.nextToken;
      if (nextToken === undefined) break;
    }
    expect(offsets(filtered)).toEqual(inOrder);
    expect(new Set(filtered.map(({ eventId }) => eventId)).size).toBe(inOrder.length);
  });

  it('that a clock far ahead hides as expired are there again when it is set right', async () => {
    const logGroupName = '/clock/kept';
    now = noon;
    await logs.send(new CreateLogGroupCommand({ logGroupName }));
    await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName: 's' }));
    await logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 3 }));
    await logs.send(
      new PutLogEventsCommand({ logGroupName, logStreamName: 's', logEvents: [{ timestamp: noon, message: 'kept' }] }),
    );
    const count = async () => (await logs.send(new FilterLogEventsCommand({ logGroupName }))).events?.length;
    now = noon + 4 * day;
    expect(await count()).toBe(0);
    now = noon;
    expect(await count()).toBe(1);
  });
});

describe("a container's lines", () => {
  const handle: ContainerHandle = { sandboxId: 'task', name: 'app', id: '1' };

  it('arrive all, once, while the clock is set back and forth and the worker dies again and again', async () => {
    await makeStream('container');
    // Back by half a minute and an hour; forth by more than a batch may span and CloudWatch Logs accepts.
    const steps = new Map([
      [20, -30_000],
      [40, -hour],
      [60, 30 * hour],
      [80, -29 * hour],
      [100, hour],
      [120, -hour],
    ]);
    let time = noon;
    const chunks = Array.from({ length: 140 }, (_, index): LogChunk => {
      time += steps.get(index) ?? (index % 3 === 0 ? 1 : 0);
      return { stream: 'stdout', data: Buffer.from(`line ${index}\n`), at: time, position: String(index + 1) };
    });
    const folder = await temporaryDirectory();
    let refused = 0;
    for (let deliveries = 0, over = false; !over; ) {
      const closing = new AbortController();
      const sink = awslogsSink(
        { client: async () => logs, group, stream: 'container', createGroup: false },
        (count) => {
          refused += count;
        },
      );
      const shipper = startShipper({
        driver: {
          async *logs(_, { after = '0' }) {
            for (const chunk of chunks.slice(Number(after))) {
              now = chunk.at ?? now;
              yield chunk;
            }
          },
          pauseContainer: async () => {},
          resumeContainer: async () => {},
        },
        handle,
        sink: {
          ...sink,
          batch: { ...sink.batch, events: 9 },
          async deliver(events, signal) {
            deliveries += 1;
            // Before it was made, after it was made, and not at all, in turn.
            if (deliveries % 3 === 1) closing.abort();
            await sink.deliver(events, signal);
            if (deliveries % 3 === 2) closing.abort();
          },
        },
        cursor: openCursor(folder, 'task', 'app'),
        mode: 'blocking',
        buffered: { bytes: 0 },
        clock: () => now,
        closing: closing.signal,
        log: pino({ level: 'silent' }),
      });
      shipper.finish();
      await shipper.done;
      over = !closing.signal.aborted;
    }
    expect(refused).toBe(0);
    const stored: string[] = [];
    for (let nextToken: string | undefined; ; ) {
      const page = await get('container', nextToken);
      stored.push(...(page.events ?? []).map(({ message = '' }) => message));
      if (page.nextForwardToken === nextToken) break;
      nextToken = page.nextForwardToken;
    }
    const numbers = stored.map((message) => Number(message.slice(5)));
    expect(numbers.toSorted((one, other) => one - other)).toEqual(chunks.map((_, index) => index));
  });
});
