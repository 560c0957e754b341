/** Ids of events: 56 digits that sort as the events do and name a place among them. */
import { highest, type Position } from './store/keys.ts';

const timeDigits = 15;
const sequenceDigits = 20;
const idDigits = 56;

/** Time, order of arrival, and zeros. */
export function eventId({ timestamp, sequence }: Position): string {
  const time = String(timestamp).padStart(timeDigits, '0');
  return `3${time}${String(sequence).padStart(sequenceDigits, '0')}`.padEnd(idDigits, '0');
}

/** undefined: it is no id. */
export function readEventId(id: string): Position | undefined {
  if (!/^3\d{55}$/.test(id)) return undefined;
  const timestamp = Number(id.slice(1, 1 + timeDigits));
  const sequence = Number(id.slice(1 + timeDigits, 1 + timeDigits + sequenceDigits));
  return timestamp <= highest && sequence <= highest ? { timestamp, sequence } : undefined;
}
