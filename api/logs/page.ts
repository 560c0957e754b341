/** What fits into one answer: ten thousand events, a megabyte. */
import { eventOverhead, type StoredEvent } from './store/segment.ts';

const mostEvents = 10_000;
const mostBytes = 1_048_576;

export interface Page {
  readonly events: StoredEvent[];
  /** Takes events in turn; false: it is full, and what did not fit was left out. */
  add(events: readonly StoredEvent[]): boolean;
}

export function createPage(limit = mostEvents): Page {
  const taken: StoredEvent[] = [];
  let bytes = 0;
  return {
    events: taken,
    add(events) {
      for (const event of events) {
        if (taken.length >= limit) return false;
        bytes += Buffer.byteLength(event.message) + eventOverhead;
        if (bytes > mostBytes && taken.length > 0) return false;
        taken.push(event);
      }
      return taken.length < limit;
    },
  };
}
