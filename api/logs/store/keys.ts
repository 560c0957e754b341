/**
 * Keys of events in a segment: stream, then time, then the order of arrival, so that what a stream holds lies in the
 * order in which it is read.
 */

/** Where an event stands among all events: its time, and the number that it got when it came. */
export interface Position {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** Unique in a store, and higher than that of every event that came before. */
  readonly sequence: number;
}

const EVENT = 0x65; // e
const SUMMARY = 0x73; // s

const keyBytes = 17;
/** What six bytes hold. */
export const highest = 2 ** 48 - 1;

export function eventKey(stream: number, { timestamp, sequence }: Position): Buffer {
  const key = Buffer.allocUnsafe(keyBytes);
  key[0] = EVENT;
  key.writeUInt32BE(stream, 1);
  key.writeUIntBE(Math.min(timestamp, highest), 5, 6);
  key.writeUIntBE(sequence, 11, 6);
  return key;
}

export function readEventKey(key: Buffer): Position & { readonly stream: number } {
  return {
    stream: key.readUInt32BE(1),
    timestamp: key.readUIntBE(5, 6),
    sequence: key.readUIntBE(11, 6),
  };
}

/** Of what a segment holds of one stream. */
export function summaryKey(stream: number): Buffer {
  const key = Buffer.allocUnsafe(5);
  key[0] = SUMMARY;
  key.writeUInt32BE(stream, 1);
  return key;
}

export function readSummaryKey(key: Buffer): number {
  return key.readUInt32BE(1);
}

export const everySummary = { gte: Buffer.from([SUMMARY]), lt: Buffer.from([SUMMARY + 1]) };

/** In the order of time, then of arrival. */
export function comparePositions(one: Position, other: Position): number {
  return one.timestamp - other.timestamp || one.sequence - other.sequence;
}
