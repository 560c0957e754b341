/** StartLiveTail: what comes in, told once a second as a stream of events. */
import {
  type LiveTailSessionLogEvent,
  SessionTimeoutException,
  type StartLiveTailCommandInput,
  type StartLiveTailCommandOutput,
  type StartLiveTailResponseStream,
} from '@aws-sdk/client-cloudwatch-logs';
import type { RequestContext } from '../operation.ts';
import type { LogsDeps } from './deps.ts';
import { invalid, noGroup } from './errors.ts';
import { compilePattern } from './filter-events.ts';
import { groupArn, nameIn } from './names.ts';
import type { LogGroup, LogStream } from './store/log-store.ts';

/** Milliseconds between updates. */
const interval = 1_000;
/** Events in one update; of more than that a sample is told, as AWS does. */
const mostEvents = 500;
/** Milliseconds that a session lasts. */
const longestSession = 3 * 3_600_000;

export async function startLiveTail(
  { store, newUuid }: LogsDeps,
  input: StartLiveTailCommandInput,
  { caller, requestId }: RequestContext,
): Promise<Omit<StartLiveTailCommandOutput, '$metadata'>> {
  const { logGroupIdentifiers = [], logStreamNames, logStreamNamePrefixes, logEventFilterPattern } = input;
  const groups = new Map<number, LogGroup>();
  for (const identifier of logGroupIdentifiers) {
    if (!identifier.startsWith('arn:')) throw invalid(`${identifier} is not the ARN of a log group.`);
    const group = store.catalog.group(caller, nameIn(caller, identifier) ?? '');
    if (group === undefined) throw noGroup();
    groups.set(group.id, group);
  }
  if (logStreamNames && logStreamNamePrefixes)
    throw invalid('logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.');
  if ((logStreamNames || logStreamNamePrefixes) && groups.size !== 1)
    throw invalid('logStreamNames and logStreamNamePrefixes can be given with one log group only.');
  const matches = compilePattern(logEventFilterPattern ?? '');
  const wanted = ({ groupId, name }: LogStream) =>
    groups.has(groupId) &&
    (logStreamNames?.includes(name) ?? true) &&
    (logStreamNamePrefixes?.some((prefix) => name.startsWith(prefix)) ?? true);

  async function* session(): AsyncGenerator<StartLiveTailResponseStream> {
    let events: LiveTailSessionLogEvent[] = [];
    let seen = 0;
    const unlisten = store.listen((stream, stored) => {
      const group = groups.get(stream.groupId);
      if (!group || !wanted(stream)) return;
      for (const { message, timestamp, ingestionTime } of stored) {
        if (matches(message) === undefined) continue;
        seen += 1;
        // Each of those that came has the same chance to be told.
        const place = seen <= mostEvents ? seen - 1 : Math.floor(Math.random() * seen);
        if (place < mostEvents)
          events[place] = {
            logStreamName: stream.name,
            logGroupIdentifier: groupArn(group, group.name).split(':').slice(4).join(':'),
            message,
            timestamp,
            ingestionTime,
          };
      }
    });
    try {
      yield {
        sessionStart: {
          requestId,
          sessionId: newUuid(),
          logGroupIdentifiers,
          logStreamNames: logStreamNames ?? [],
          logStreamNamePrefixes: logStreamNamePrefixes ?? [],
          logEventFilterPattern: logEventFilterPattern ?? '',
        },
      };
      for (const end = performance.now() + longestSession; performance.now() < end; ) {
        await new Promise((resolve) => setTimeout(resolve, interval));
        const sampled = seen > mostEvents;
        const sessionResults = events.toSorted((one, other) => (one.timestamp ?? 0) - (other.timestamp ?? 0));
        events = [];
        seen = 0;
        yield { sessionUpdate: { sessionMetadata: { sampled }, sessionResults } };
      }
      yield {
        SessionTimeoutException: new SessionTimeoutException({
          message: 'The session has timed out after 3 hours.',
          $metadata: {},
        }),
      };
    } finally {
      unlisten();
    }
  }

  return { responseStream: session() };
}
