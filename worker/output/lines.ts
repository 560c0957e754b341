/**
 * A container's output as events: lines put together again where the runtime cut them, cut again where they are too
 * long for an event, several joined where a pattern says that they belong together. Each event knows from where on the
 * output must be read again once everything up to it has been delivered.
 */
import type { Expression } from '../../core/expression.ts';
import type { LogChunk } from '../../runtime/driver.ts';

export interface OutputEvent {
  readonly source: LogChunk['stream'];
  /** Milliseconds since the epoch, fractional where the runtime tells. */
  readonly at: number;
  /** Without its line feed. */
  readonly message: string;
  /** Present on the last event of what was read at once. */
  readonly resume?: Resume;
}

/** From where on output has not been delivered. */
export interface Resume {
  /** Position of the last chunk before it; absent: from the start. */
  readonly after?: string;
  /** Chunks beyond that which were delivered all the same, because another stream's line had not ended. */
  readonly ahead?: Readonly<Partial<Record<LogChunk['stream'], number>>>;
  /** Bytes that were delivered of the chunk that comes next in a stream. */
  readonly within?: Readonly<Partial<Record<LogChunk['stream'], number>>>;
}

export interface LineOptions {
  /** Bytes of a message at most. */
  readonly longest: number;
  /** A line that starts an event; others belong to the one before. Absent: each is an event. */
  readonly startsEvent?: Expression;
  readonly clock: () => number;
}

export interface Lines {
  /** Takes the next chunk; returns the events that are complete with it. */
  add(chunk: LogChunk): readonly OutputEvent[];
  /** What is there and not complete, as events. */
  flush(): readonly OutputEvent[];
  /** There is something that is not complete. */
  readonly pending: boolean;
}

/** A place in the chunks, and when what is there was written. */
interface Start {
  /** Number of the chunk. */
  readonly chunk: number;
  /** Bytes of the chunk before it. */
  readonly offset: number;
  readonly at: number;
}

interface Part extends Start {
  readonly bytes: Buffer;
}

/** The beginning of an event of one stream. */
interface Unit {
  readonly start: Start;
  /** Lines of it that are complete. */
  lines: string;
  /** Of the line that is not. */
  parts: Part[];
  bytes: number;
}

type Source = LogChunk['stream'];

/** Chunks that may be remembered because an event has not ended. */
const mostRemembered = 2_000;
const lineFeed = 0x0a;

export function createLines(options: LineOptions, from: Resume): Lines {
  const { longest, startsEvent, clock } = options;
  const open = new Map<Source, Unit>();
  /** Of chunks from the first one that an open unit needs. */
  let remembered: { readonly number: number; readonly source: Source; readonly position: string | undefined }[] = [];
  let before: string | undefined = from.after;
  let number = 0;
  const ahead: Partial<Record<Source, number>> = { ...from.ahead };
  const within: Partial<Record<Source, number>> = { ...from.within };

  function add(chunk: LogChunk): readonly OutputEvent[] {
    const toSkip = ahead[chunk.stream] ?? 0;
    number += 1;
    remembered.push({ number, source: chunk.stream, position: chunk.position });
    if (toSkip > 0) {
      ahead[chunk.stream] = toSkip - 1;
      return [];
    }
    const events: Omit<OutputEvent, 'resume'>[] = [];
    const at = chunk.at ?? clock();
    const data = Buffer.from(chunk.data.buffer, chunk.data.byteOffset, chunk.data.byteLength);
    let offset = within[chunk.stream] ?? 0;
    delete within[chunk.stream];
    while (offset < data.length) {
      const end = data.indexOf(lineFeed, offset);
      const bytes = data.subarray(offset, end < 0 ? data.length : end);
      take(chunk.stream, { chunk: number, offset, at, bytes }, end >= 0, events);
      offset = end < 0 ? data.length : end + 1;
    }
    if (remembered.length > mostRemembered) for (const source of inOrder()) close(source, events);
    return withResume(events);
  }

  function take(source: Source, part: Part, isLine: boolean, events: Omit<OutputEvent, 'resume'>[]): void {
    const { at, bytes } = part;
    // The usual case: a whole line that is an event.
    if (isLine && startsEvent === undefined && bytes.length <= longest && !open.has(source)) {
      if (bytes.length > 0) tell({ source, at, message: text(bytes) }, events);
      return;
    }
    let unit = open.get(source) ?? newUnit(part);
    if (bytes.length > 0) unit.parts.push(part);
    unit.bytes += bytes.length;
    while (size(unit) > longest) unit = cut(source, unit, part, events);
    open.set(source, unit);
    if (isLine) endLine(source, unit, part, events);
  }

  function newUnit({ chunk, offset, at }: Start, parts: Part[] = []): Unit {
    return { start: { chunk, offset, at }, lines: '', parts, bytes: bytesOf(parts) };
  }

  /** Tells what there is room for in an event; returns what is left. */
  function cut(source: Source, unit: Unit, newest: Part, events: Omit<OutputEvent, 'resume'>[]): Unit {
    const [first = newest] = unit.parts;
    if (unit.lines !== '') {
      tell({ source, at: unit.start.at, message: unit.lines }, events);
      return newUnit(first, unit.parts);
    }
    const line = joined(unit.parts);
    const edge = characterEdge(line, longest);
    tell({ source, at: unit.start.at, message: text(line.subarray(0, edge)) }, events);
    const rest = partsFrom(unit.parts, edge);
    return newUnit(rest[0] ?? first, rest);
  }

  function endLine(source: Source, unit: Unit, newest: Part, events: Omit<OutputEvent, 'resume'>[]): void {
    if (startsEvent === undefined) {
      close(source, events);
      return;
    }
    const line = text(joined(unit.parts));
    const [first = newest] = unit.parts;
    unit.parts = [];
    unit.bytes = 0;
    if (startsEvent.test(line) && unit.lines !== '') {
      close(source, events);
      open.set(source, { ...newUnit(first), lines: line });
    } else unit.lines = unit.lines === '' ? line : `${unit.lines}\n${line}`;
  }

  function close(source: Source, events: Omit<OutputEvent, 'resume'>[]): void {
    const unit = open.get(source);
    open.delete(source);
    if (unit === undefined) return;
    const line = text(joined(unit.parts));
    const message = unit.lines === '' ? line : line === '' ? unit.lines : `${unit.lines}\n${line}`;
    if (message !== '') tell({ source, at: unit.start.at, message }, events);
  }

  /** Replacement characters are longer than what they stand for. */
  function tell(event: Omit<OutputEvent, 'resume'>, events: Omit<OutputEvent, 'resume'>[]): void {
    const { message } = event;
    // No character has more bytes than three for each of its units.
    if (message.length * 3 <= longest || Buffer.byteLength(message) <= longest) {
      events.push(event);
      return;
    }
    for (let rest = Buffer.from(message); rest.length > 0; ) {
      const piece = rest.subarray(0, characterEdge(rest, longest));
      events.push({ ...event, message: text(piece) });
      rest = rest.subarray(piece.length);
    }
  }

  /** What began first is told first. */
  function inOrder(): readonly Source[] {
    return [...open].sort(([, one], [, other]) => one.start.chunk - other.start.chunk).map(([source]) => source);
  }

  function withResume(events: readonly Omit<OutputEvent, 'resume'>[]): readonly OutputEvent[] {
    const last = events.at(-1);
    if (last === undefined) {
      if (open.size === 0) forget(number);
      return [];
    }
    return [...events.slice(0, -1), { ...last, resume: resume() }];
  }

  function resume(): Resume {
    if (open.size === 0) {
      forget(number);
      return before === undefined ? {} : { after: before };
    }
    const first = Math.min(...[...open.values()].map(({ start }) => start.chunk));
    forget(first - 1);
    const delivered: Partial<Record<Source, number>> = {};
    for (const { number: at, source } of remembered)
      if (at < (open.get(source)?.start.chunk ?? Number.POSITIVE_INFINITY))
        delivered[source] = (delivered[source] ?? 0) + 1;
    const partly = [...open].filter(([, { start }]) => start.offset > 0);
    return {
      ...(before !== undefined && { after: before }),
      ahead: delivered,
      ...(partly.length > 0 && {
        within: Object.fromEntries(partly.map(([source, { start }]) => [source, start.offset])),
      }),
    };
  }

  /** Everything up to this chunk is delivered. */
  function forget(upTo: number): void {
    const kept = remembered.findIndex((chunk) => chunk.number > upTo);
    const gone = kept < 0 ? remembered : remembered.slice(0, kept);
    before = gone.at(-1)?.position ?? before;
    remembered = kept < 0 ? [] : remembered.slice(kept);
  }

  return {
    add,
    flush() {
      const events: Omit<OutputEvent, 'resume'>[] = [];
      for (const source of inOrder()) close(source, events);
      return withResume(events);
    },
    get pending() {
      return open.size > 0;
    },
  };
}

/** With the line feed between what is complete and what is not. */
function size({ lines, bytes }: Unit): number {
  return lines === '' ? bytes : Buffer.byteLength(lines) + 1 + bytes;
}

function bytesOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function joined(parts: readonly Part[]): Buffer {
  return Buffer.concat(parts.map(({ bytes }) => bytes));
}

/** Without their first bytes. */
function partsFrom(parts: readonly Part[], edge: number): Part[] {
  let left = edge;
  return parts.flatMap((part) => {
    const gone = Math.min(left, part.bytes.length);
    left -= gone;
    if (gone === part.bytes.length) return [];
    return [{ ...part, offset: part.offset + gone, bytes: part.bytes.subarray(gone) }];
  });
}

/** What is no UTF-8 becomes replacement characters. */
function text(bytes: Buffer): string {
  return bytes.toString('utf8');
}

/** Where to cut so that at most `most` bytes come before and no character is cut in two. */
function characterEdge(bytes: Buffer, most: number): number {
  if (bytes.length <= most) return bytes.length;
  for (let edge = most; edge > most - 4 && edge > 0; edge -= 1) if (!isContinuation(bytes[edge] ?? 0)) return edge;
  return most;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
