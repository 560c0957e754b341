/** PutLogEvents: checks a batch as CloudWatch Logs does, stores what is neither too old nor too new. */
import type {
  InputLogEvent,
  PutLogEventsCommandInput,
  PutLogEventsCommandOutput,
  RejectedLogEventsInfo,
} from '@aws-sdk/client-cloudwatch-logs';
import type { RequestContext } from '../operation.ts';
import type { LogsDeps } from './deps.ts';
import { invalid } from './errors.ts';
import { eventId } from './event-id.ts';
import { findGroup, findStream } from './names.ts';
import { eventOverhead } from './store/segment.ts';

const hour = 3_600_000;
const day = 24 * hour;

const largestBatch = 1_048_576;
const largestEvent = 1_048_576;
const longestSpan = day;
const oldest = 14 * day;
const newest = 2 * hour;

export async function putLogEvents(
  { store, clock }: LogsDeps,
  input: PutLogEventsCommandInput,
  { caller }: RequestContext,
): Promise<Omit<PutLogEventsCommandOutput, '$metadata'>> {
  const group = findGroup(store, caller, input);
  const stream = findStream(store, group, input.logStreamName ?? '');
  const events = input.logEvents ?? [];
  checkBatch(events);
  const now = clock();
  const { accepted, rejectedLogEventsInfo } = sift(events, {
    now,
    expired: store.cutoff(group),
  });
  if (accepted.length > 0)
    await store.append(
      stream,
      accepted.map(({ timestamp = 0, message = '' }) => ({ timestamp, message })),
    );
  return {
    nextSequenceToken: eventId({ timestamp: now, sequence: 0 }),
    ...(rejectedLogEventsInfo && { rejectedLogEventsInfo }),
  };
}

function checkBatch(events: readonly InputLogEvent[]): void {
  let size = 0;
  let before = 0;
  for (const { timestamp = 0, message = '' } of events) {
    const bytes = Buffer.byteLength(message) + eventOverhead;
    if (bytes > largestEvent) throw invalid(`Log event too large: ${bytes} bytes exceeds limit of ${largestEvent}`);
    size += bytes;
    if (timestamp < before)
      throw invalid('Log events in a single PutLogEvents request must be in chronological order.');
    before = timestamp;
  }
  if (size > largestBatch) throw invalid(`Upload too large: ${size} bytes exceeds limit of ${largestBatch}`);
  if (before - (events[0]?.timestamp ?? 0) > longestSpan)
    throw invalid('The batch of log events in a single PutLogEvents request cannot span more than 24 hours.');
}

/** The events are in the order of time, so that what is refused lies at the ends. */
function sift(
  events: readonly InputLogEvent[],
  { now, expired }: { readonly now: number; readonly expired: number },
): { readonly accepted: readonly InputLogEvent[]; readonly rejectedLogEventsInfo?: RejectedLogEventsInfo } {
  const before = (time: number) => {
    const index = events.findIndex(({ timestamp = 0 }) => timestamp >= time);
    return index < 0 ? events.length : index;
  };
  const tooOld = before(now - oldest);
  const tooExpired = before(expired);
  const tooNew = before(now + newest + 1);
  const accepted = events.slice(Math.max(tooOld, tooExpired), tooNew);
  if (accepted.length === events.length) return { accepted };
  return {
    accepted,
    rejectedLogEventsInfo: {
      ...(tooNew < events.length && { tooNewLogEventStartIndex: tooNew }),
      ...(tooOld > 0 && { tooOldLogEventEndIndex: tooOld }),
      ...(tooExpired > tooOld && { expiredLogEventEndIndex: tooExpired }),
    },
  };
}
