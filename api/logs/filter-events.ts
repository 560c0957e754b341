/** FilterLogEvents: the streams of a group as one sequence in the order of time, searched by a pattern. */
import type { FilterLogEventsCommandInput, FilterLogEventsCommandOutput } from '@aws-sdk/client-cloudwatch-logs';
import type { RequestContext } from '../operation.ts';
import { pageTokens } from '../page-token.ts';
import type { LogsDeps } from './deps.ts';
import { invalid, invalidToken } from './errors.ts';
import { eventId, readEventId } from './event-id.ts';
import { type MessageFilter, parseFilterPattern } from './filter/pattern.ts';
import { PatternError } from './filter/scanner.ts';
import { findGroup, findStream } from './names.ts';
import { createPage } from './page.ts';
import { highest, type Position } from './store/keys.ts';
import type { LogGroup, LogStore, LogStream } from './store/log-store.ts';

/** Milliseconds that one request searches; then it answers what it has, and where to go on. */
const patience = 2_000;

export async function filterLogEvents(
  { store }: LogsDeps,
  input: FilterLogEventsCommandInput,
  { caller }: RequestContext,
): Promise<Omit<FilterLogEventsCommandOutput, '$metadata'>> {
  const group = findGroup(store, caller, input);
  const { startTime = 0, endTime = highest, limit, nextToken: NextToken, filterPattern = '' } = input;
  if (startTime > endTime) throw invalid('startTime cannot be greater than endTime.');
  const matches = compilePattern(filterPattern);
  const streams = chosenStreams(store, group, input);
  const bound = { group: group.id, filterPattern, NextToken };
  const tokens = pageTokens(caller, 'FilterLogEvents', bound, invalidToken);
  const beyond = tokens.position === undefined ? undefined : readEventId(tokens.position);
  const from = Math.min(Math.max(startTime, store.cutoff(group)), highest);
  const to = Math.min(endTime, highest);

  const names = new Map(streams.map(({ id, name }) => [id, name]));
  const page = createPage(limit);
  let last: Position | undefined;
  let more = false;
  const deadline = performance.now() + patience;
  search: for await (const events of store.scan(streams, { from, to, ...(beyond && { beyond }) })) {
    for (const event of events) {
      if (matches(event.message) !== undefined && !page.add([event])) {
        // The one that fills the page up to its limit is on it; the one that is too many is not.
        more = true;
        if (page.events.at(-1) === event) last = event;
        break search;
      }
      last = event;
    }
    if (performance.now() > deadline) {
      more = true;
      break;
    }
  }
  return {
    events: page.events.map((event) => ({
      logStreamName: names.get(event.stream),
      timestamp: event.timestamp,
      message: event.message,
      ingestionTime: event.ingestionTime,
      eventId: eventId(event),
    })),
    searchedLogStreams: [],
    nextToken: tokens.token(more && last ? eventId(last) : undefined),
  };
}

/** @throws InvalidParameterException */
export function compilePattern(text: string): MessageFilter {
  try {
    return parseFilterPattern(text);
  } catch (error) {
    if (error instanceof PatternError) throw invalid(error.message);
    throw error;
  }
}

function chosenStreams(
  store: LogStore,
  group: LogGroup,
  { logStreamNames, logStreamNamePrefix: prefix }: FilterLogEventsCommandInput,
): readonly LogStream[] {
  if (logStreamNames !== undefined && prefix !== undefined)
    throw invalid('logStreamNames and logStreamNamePrefix are mutually exclusive parameters.');
  if (logStreamNames !== undefined) return [...new Set(logStreamNames)].map((name) => findStream(store, group, name));
  const all = [...store.catalog.streams(group.id)];
  return prefix === undefined ? all : all.filter(({ name }) => name.startsWith(prefix));
}
