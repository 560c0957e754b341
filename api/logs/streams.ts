/** Log streams: created, deleted, listed by name or by their latest event. */
import type { LogStream as LogStreamView } from '@aws-sdk/client-cloudwatch-logs';
import { pageTokens } from '../page-token.ts';
import type { LogsDeps, LogsHandlers } from './deps.ts';
import { invalid, invalidToken, streamExists } from './errors.ts';
import { findGroup, findStream, streamArn } from './names.ts';
import type { LogGroup, LogStream } from './store/log-store.ts';

/** Streams on a page when the request does not say. */
const usualPage = 50;

export function streamHandlers({ store, clock }: LogsDeps) {
  const { catalog } = store;

  const view = (group: LogGroup, stream: LogStream): LogStreamView => {
    const { firstEvent, lastEvent, lastIngestion } = store.facts(stream);
    return {
      logStreamName: stream.name,
      creationTime: stream.creationTime,
      ...(firstEvent !== undefined && { firstEventTimestamp: firstEvent }),
      ...(lastEvent !== undefined && { lastEventTimestamp: lastEvent }),
      ...(lastIngestion !== undefined && { lastIngestionTime: lastIngestion }),
      arn: streamArn(group, group.name, stream.name),
      // CloudWatch Logs tells it for groups only.
      storedBytes: 0,
    };
  };

  return {
    CreateLogStream: async (input, { caller }) => {
      const { id: groupId } = findGroup(store, caller, input);
      const stream = await catalog.createStream({ groupId, name: input.logStreamName ?? '', creationTime: clock() });
      if (stream === undefined) {
        // Unless the group was deleted meanwhile.
        findGroup(store, caller, input);
        throw streamExists();
      }
      return {};
    },

    DeleteLogStream: async (input, { caller }) => {
      const group = findGroup(store, caller, input);
      await catalog.deleteStream(findStream(store, group, input.logStreamName ?? '').id);
      store.tidy();
      return {};
    },

    DescribeLogStreams: async (input, { caller }) => {
      const group = findGroup(store, caller, input);
      const { logStreamNamePrefix: prefix, orderBy = 'LogStreamName', descending = false } = input;
      if (orderBy === 'LastEventTime' && prefix !== undefined)
        throw invalid('Cannot order by LastEventTime with a logStreamNamePrefix.');
      const { nextToken: NextToken, limit = usualPage, ...parameters } = input;
      const tokens = pageTokens(caller, 'DescribeLogStreams', { ...parameters, NextToken }, invalidToken);
      const place = (stream: LogStream) =>
        orderBy === 'LogStreamName'
          ? stream.name
          : `${String(store.facts(stream).lastEvent ?? 0).padStart(15, '0')}:${stream.name}`;
      const { position } = tokens;
      const found = [...catalog.streams(group.id)]
        .filter(({ name }) => prefix === undefined || name.startsWith(prefix))
        .map((stream) => ({ stream, at: place(stream) }))
        .filter(({ at }) => position === undefined || (descending ? at < position : at > position))
        .sort((one, other) => (one.at < other.at ? -1 : 1) * (descending ? -1 : 1));
      const page = found.slice(0, limit);
      return {
        logStreams: page.map(({ stream }) => view(group, stream)),
        nextToken: tokens.token(found.length > page.length ? page.at(-1)?.at : undefined),
      };
    },
  } satisfies LogsHandlers;
}
