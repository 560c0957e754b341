/** Transcripts in CloudWatch Logs: a stream for each session, named like it, an event for each line. */
import type { CloudWatchLogsClient, InputLogEvent } from '@aws-sdk/client-cloudwatch-logs';
import type { Clock } from '../../core/clock.ts';
import type { ExecSessionSpec, TranscriptTarget } from '../../core/exec/session.ts';
import type { LogsClients } from '../output/logs-clients.ts';
import { TranscriptError, type TranscriptPlace, transcriptError } from './transcript.ts';

/** Bytes of a line above which it is cut; CloudWatch Logs takes 256 KiB. */
const longestLine = 128 * 1024;
/** Bytes that go out together, and bytes that may wait. PutLogEvents takes 1 MiB, counting 26 for each event. */
const batchBytes = 512 * 1024;
const mostWaiting = 2 * 2 ** 20;
const overhead = 26;
const mostEvents = 10_000;
/** Milliseconds after which lines go out that are fewer. */
const delay = 1000;

export function logGroupTranscripts(clients: LogsClients, clock: Clock): TranscriptPlace {
  return async (session, target) => {
    if (target.logGroup === undefined) return undefined;
    const place = `the log group ${target.logGroup}`;
    try {
      const { accountId, region } = session;
      const client = await clients.client({ accountId, region: target.logRegion ?? region }, undefined)();
      await createStream(client, session, target);
      const names = { logGroupName: target.logGroup, logStreamName: session.sessionId };
      const { PutLogEventsCommand } = await import('@aws-sdk/client-cloudwatch-logs');
      const put = async (logEvents: InputLogEvent[]) => {
        const { rejectedLogEventsInfo } = await client.send(new PutLogEventsCommand({ ...names, logEvents }));
        if (rejectedLogEventsInfo) throw new TranscriptError(`${place} takes no events of now.`);
      };
      return lineTranscript({ put, clock, asError: (error) => transcriptError(place, error) });
    } catch (error) {
      throw transcriptError(place, error);
    }
  };
}

async function createStream(
  client: CloudWatchLogsClient,
  { sessionId }: ExecSessionSpec,
  { logGroup, logGroupEncrypted }: TranscriptTarget,
): Promise<void> {
  const { CreateLogStreamCommand, DescribeLogGroupsCommand, ResourceAlreadyExistsException } = await import(
    '@aws-sdk/client-cloudwatch-logs'
  );
  if (logGroupEncrypted) {
    const { logGroups = [] } = await client.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: logGroup }));
    if (!logGroups.find(({ logGroupName }) => logGroupName === logGroup)?.kmsKeyId)
      throw new TranscriptError(
        'We couldn’t start the session because encryption is not set up on the selected CloudWatch Logs log group. Either encrypt the log group or choose an option to enable logging without encryption.',
      );
  }
  try {
    await client.send(new CreateLogStreamCommand({ logGroupName: logGroup, logStreamName: sessionId }));
  } catch (error) {
    if (!(error instanceof ResourceAlreadyExistsException)) throw error;
  }
}

interface LineOptions {
  readonly put: (events: InputLogEvent[]) => Promise<void>;
  readonly clock: Clock;
  readonly asError: (error: unknown) => TranscriptError;
}

/** Cuts output into lines and sends them in order, one call at a time. */
export function lineTranscript({ put, clock, asError }: LineOptions) {
  const decoder = new TextDecoder();
  let line = '';
  let events: InputLogEvent[] = [];
  let bytes = 0;
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;
  let failure: TranscriptError | undefined;
  let sending: Promise<void> = Promise.resolve();

  function add(text: string): void {
    const message = text.replace(/\r$/, '');
    if (message === '') return; // CloudWatch Logs takes no empty events
    const size = Buffer.byteLength(message) + overhead;
    if (bytes + size > batchBytes || events.length >= mostEvents) send();
    events.push({ timestamp: clock(), message });
    bytes += size;
    waiting += size;
    timer ??= setTimeout(send, delay);
  }

  function send(): void {
    clearTimeout(timer);
    timer = undefined;
    if (events.length === 0) return;
    const batch = events;
    const size = bytes;
    events = [];
    bytes = 0;
    sending = sending.then(async () => {
      try {
        if (!failure) await put(batch);
      } catch (error) {
        failure = asError(error);
      }
      waiting -= size;
    });
  }

  return {
    async write(data: Uint8Array): Promise<void> {
      if (failure) throw failure;
      const lines = (line + decoder.decode(data, { stream: true })).split('\n');
      line = lines.pop() ?? '';
      for (const each of lines) add(each);
      for (; line.length > longestLine; line = line.slice(longestLine)) add(line.slice(0, longestLine));
      if (waiting <= mostWaiting) return;
      send();
      await sending;
    },
    async close(): Promise<void> {
      add(line + decoder.decode());
      line = '';
      send();
      await sending;
      if (failure) throw failure;
    },
  };
}
