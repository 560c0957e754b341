/** What a process in a guest wrote, fetched from its agent a piece at a time: the guest never sends unasked. */
import { type ContainerHandle, DriverError, type LogChunk, type LogOptions } from '../driver.ts';
import type { Agent } from './agent.ts';
import { AgentError, noSuchProcess } from './agent.ts';
import { findContainer } from './container.ts';
import type { Context } from './context.ts';
import { numberIn, ProtocolError } from './protocol.ts';

const HEADER = 13;
const LINE_FEED = 10;
/** Milliseconds between lines that were written at once, so that each has a time of its own. */
const BETWEEN_LINES = 0.001;
/** Longest part of a line that is told as one chunk, bytes. */
const longestLine = 16_384;

export async function* readLogs(
  context: Context,
  handle: ContainerHandle,
  { follow, since, after, signal }: LogOptions,
): AsyncGenerator<LogChunk> {
  const { machine, container } = findContainer(context, handle);
  if (machine.record.ended) return;
  const place = parsePosition(after);
  const read = records(machine.agent, container.id, { follow, from: place?.from ?? 0, stop: abortion(signal) });
  for await (const line of lines(read)) {
    const seen = place && (line.record < place.record || (line.record === place.record && line.index <= place.index));
    if (seen || (since !== undefined && line.at < since)) continue;
    const { stream, data, at } = line;
    yield { stream, data, at, position: `${line.from}/${line.record}/${line.index}` };
    if (signal?.aborted) return;
  }
}

/** Output of another process than a container's first. */
export async function* readOutput(agent: Agent, key: string): AsyncGenerator<LogChunk> {
  for await (const { stream, data } of records(agent, key, { follow: true, from: 0 })) yield { stream, data };
}

/**
 * Where a line is: the record that it ended in, and which of that record's lines it is. `from` is the first record that
 * a reader needs who goes on behind it, because another stream's line may have begun there.
 */
interface Place {
  readonly from: number;
  readonly record: number;
  readonly index: number;
}

function parsePosition(text: string | undefined): Place | undefined {
  const [from, record, index] = (text ?? '').split('/').map(Number);
  if (from === undefined || record === undefined || index === undefined) return undefined;
  return { from, record, index };
}

interface Line extends Place {
  readonly stream: LogChunk['stream'];
  readonly data: Buffer;
  readonly at: number;
}

interface Begun {
  readonly data: Buffer;
  readonly record: number;
}

/** Puts together what was written in pieces. */
async function* lines(read: AsyncIterable<OutputRecord>): AsyncGenerator<Line> {
  const begun = new Map<LogChunk['stream'], Begun>();
  const from = (record: number) => Math.min(record, ...[...begun.values()].map((each) => each.record));
  let last: OutputRecord | undefined;
  let index = 0;
  for await (const record of read) {
    const { stream, at, offset } = record;
    last = record;
    index = 0;
    const before = begun.get(stream);
    begun.delete(stream);
    for (const data of cut(before ? Buffer.concat([before.data, record.data]) : record.data)) {
      if (data.at(-1) !== LINE_FEED && data.length < longestLine) {
        begun.set(stream, { data, record: index === 0 ? (before?.record ?? offset) : offset });
        continue;
      }
      const needed = from(offset);
      yield { stream, data, at: at + index * BETWEEN_LINES, from: needed, record: offset, index };
      index += 1;
    }
  }
  for (const [stream, { data }] of begun) {
    if (!last) return;
    yield { stream, data, at: last.at + index * BETWEEN_LINES, from: last.offset, record: last.offset, index };
    index += 1;
  }
}

interface OutputRecord {
  /** Where it lies in the whole output. */
  readonly offset: number;
  readonly stream: LogChunk['stream'];
  readonly at: number;
  readonly data: Buffer;
}

interface Reading {
  readonly follow: boolean;
  readonly from: number;
  readonly stop?: Promise<'stopped'> | undefined;
}

async function* records(agent: Agent, key: string, { follow, from, stop }: Reading): AsyncGenerator<OutputRecord> {
  for (let offset = from; ; ) {
    const from = offset;
    const asked = agent.ask((words) => outputOf(words, from), 'output', key, offset, follow ? '' : 'now');
    const answer = await Promise.race([asked, ...(stop ? [stop] : [])]).catch(ignoreGone);
    if (answer === undefined || answer === 'stopped') return;
    yield* answer.records;
    offset = answer.next;
    // One that follows is answered when there is more: it must not ask again and again for nothing.
    if (answer.isEnd || answer.records.length === 0) return;
  }
}

interface Output {
  readonly records: readonly OutputRecord[];
  /** Where the next record lies. */
  readonly next: number;
  readonly isEnd: boolean;
}

/** An answer to `output` from a place on: its whole records. @throws ProtocolError */
export function outputOf([at, end, data = Buffer.alloc(0)]: readonly Buffer[], from: number): Output {
  const start = numberIn(at);
  if (start < from) throw new ProtocolError('output from before what was asked for');
  const records: OutputRecord[] = [];
  let next = 0;
  while (next + HEADER <= data.length) {
    const after = next + HEADER + data.readUInt32LE(next + 9);
    if (after > data.length) break;
    const microseconds = Number(data.readBigUInt64LE(next + 1));
    if (!Number.isSafeInteger(microseconds)) throw new ProtocolError('output from the end of time');
    records.push({
      offset: start + next,
      stream: data[next] === 2 ? 'stderr' : 'stdout',
      at: microseconds / 1000,
      // A copy: the rest need not be kept for as long as this is.
      data: Buffer.from(data.subarray(next + HEADER, after)),
    });
    next = after;
  }
  return { records, next: start + next, isEnd: end?.toString() === 'end' };
}

/** At line feeds, and where a line gets too long. */
function cut(data: Buffer): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const lineFeed = data.indexOf(LINE_FEED, at);
    const end = Math.min(lineFeed < 0 ? data.length : lineFeed + 1, at + longestLine);
    parts.push(data.subarray(at, end));
    at = end;
  }
  return parts;
}

function abortion(signal: AbortSignal | undefined): Promise<'stopped'> | undefined {
  return (
    signal &&
    new Promise((resolve) => {
      if (signal.aborted) resolve('stopped');
      signal.addEventListener('abort', () => resolve('stopped'), { once: true });
    })
  );
}

/** Never started, removed, or lost with its machine: there is no more. */
function ignoreGone(error: unknown): undefined {
  if (error instanceof AgentError && error.errno === noSuchProcess) return undefined;
  if (error instanceof DriverError && error.kind === 'engine') return undefined;
  throw error;
}
