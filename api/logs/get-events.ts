/** GetLogEvents: one stream, in pages, in both directions. A token that leads nowhere yet is given back as it came. */
import type { GetLogEventsCommandInput, GetLogEventsCommandOutput } from '@aws-sdk/client-cloudwatch-logs';
import type { RequestContext } from '../operation.ts';
import type { LogsDeps } from './deps.ts';
import { invalid, invalidToken } from './errors.ts';
import { eventId, readEventId } from './event-id.ts';
import { findGroup, findStream } from './names.ts';
import { createPage } from './page.ts';
import { highest, type Position } from './store/keys.ts';

export async function getLogEvents(
  { store }: LogsDeps,
  input: GetLogEventsCommandInput,
  { caller }: RequestContext,
): Promise<Omit<GetLogEventsCommandOutput, '$metadata'>> {
  const group = findGroup(store, caller, input);
  const stream = findStream(store, group, input.logStreamName ?? '');
  const { startTime = 0, endTime, limit, nextToken, startFromHead = false } = input;
  if (endTime !== undefined && startTime > endTime) throw invalid('startTime cannot be greater than endTime.');
  const token = nextToken === undefined ? undefined : readToken(nextToken);
  const reverse = token ? token.direction === 'b' : !startFromHead;
  const from = Math.min(Math.max(startTime, store.cutoff(group)), highest);
  // The end is not included.
  const to = Math.min(endTime === undefined ? highest : endTime - 1, highest);
  const page = createPage(limit);
  if (to >= from)
    for await (const events of store.scan([stream], { from, to, reverse, ...(token && { beyond: token.position }) }))
      if (!page.add(events)) break;
  const events = reverse ? page.events.toReversed() : page.events;
  const first = events[0];
  const last = events.at(-1);
  const nowhere = token?.position ?? { timestamp: 0, sequence: 0 };
  return {
    events: events.map(({ timestamp, message, ingestionTime }) => ({ timestamp, message, ingestionTime })),
    nextForwardToken: writeToken('f', last ?? nowhere),
    nextBackwardToken: writeToken('b', first ?? nowhere),
  };
}

interface Token {
  readonly direction: 'f' | 'b';
  readonly position: Position;
}

function writeToken(direction: Token['direction'], position: Position): string {
  return `${direction}/${eventId(position)}/s`;
}

function readToken(text: string): Token {
  const [, direction, id = ''] = /^([fb])\/(\d{56})(?:\/s)?$/.exec(text) ?? [];
  const position = readEventId(id);
  if (position === undefined || (direction !== 'f' && direction !== 'b')) throw invalidToken();
  return { direction, position };
}
