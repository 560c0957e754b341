/**
 * A container's output as events: lines put together again where the runtime cut them, cut again where they are too
 * long for an event, several joined where a pattern says that they belong together. Each event knows from where on the
 * output must be read again once everything up to it has been delivered.
 */
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
}

export interface LineOptions {
  /** Bytes of a message at most. */
  readonly longest: number;
  /** A line that starts an event; others belong to the one before. Absent: each is an event. */
  readonly startsEvent?: RegExp;
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

/** The beginning of an event of one stream. */
interface Unit {
  /** Number of the chunk that it begins in. */
  readonly chunk: number;
  readonly at: number;
  /** Lines of it that are complete. */
  lines: string;
  /** Parts of the line that is not, and where it begins. */
  parts: Buffer[];
  lineChunk: number;
  lineAt: number;
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
    let data = Buffer.from(chunk.data.buffer, chunk.data.byteOffset, chunk.data.byteLength);
    while (data.length > 0) {
      const end = data.indexOf(lineFeed);
      const part = end < 0 ? data : data.subarray(0, end);
      take(chunk.stream, at, part, end >= 0, events);
      data = end < 0 ? data.subarray(data.length) : data.subarray(end + 1);
    }
    if (remembered.length > mostRemembered) for (const source of inOrder()) close(source, events);
    return withResume(events);
  }

  function take(
    source: Source,
    at: number,
    part: Buffer,
    isLine: boolean,
    events: Omit<OutputEvent, 'resume'>[],
  ): void {
    // The usual case: a whole line that is an event.
    if (isLine && startsEvent === undefined && part.length <= longest && !open.has(source)) {
      if (part.length > 0) tell({ source, at, message: text(part) }, events);
      return;
    }
    let unit = open.get(source);
    let whole = part;
    if (unit !== undefined && size(unit) + part.length > longest && size(unit) > 0) {
      // After a crash at this very moment the character would be lost, which is better than to tell its chunk twice.
      whole = Buffer.concat([takeBrokenCharacter(unit), part]);
      close(source, events);
      unit = undefined;
    }
    if (unit === undefined) {
      unit = newUnit(at);
      open.set(source, unit);
    }
    for (let rest = whole; rest.length > 0; ) {
      const piece = rest.subarray(0, characterEdge(rest, longest));
      if (unit.parts.length === 0) {
        unit.lineChunk = number;
        unit.lineAt = at;
      }
      unit.parts.push(piece);
      unit.bytes += piece.length;
      rest = rest.subarray(piece.length);
      if (rest.length > 0) {
        close(source, events);
        unit = newUnit(at);
        open.set(source, unit);
      }
    }
    if (isLine) endLine(source, unit, events);
  }

  function newUnit(at: number, chunk = number): Unit {
    return { chunk, at, lines: '', parts: [], bytes: 0, lineChunk: chunk, lineAt: at };
  }

  function endLine(source: Source, unit: Unit, events: Omit<OutputEvent, 'resume'>[]): void {
    if (startsEvent === undefined) {
      close(source, events);
      return;
    }
    const line = text(Buffer.concat(unit.parts));
    unit.parts = [];
    unit.bytes = 0;
    if (startsEvent.test(line) && unit.lines !== '') {
      close(source, events);
      open.set(source, { ...newUnit(unit.lineAt, unit.lineChunk), lines: line });
    } else unit.lines = unit.lines === '' ? line : `${unit.lines}\n${line}`;
  }

  function close(source: Source, events: Omit<OutputEvent, 'resume'>[]): void {
    const unit = open.get(source);
    open.delete(source);
    if (unit === undefined) return;
    const line = unit.parts.length > 0 ? text(Buffer.concat(unit.parts)) : '';
    const message = unit.lines === '' ? line : line === '' ? unit.lines : `${unit.lines}\n${line}`;
    if (message !== '') tell({ source, at: unit.at, message }, events);
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
    return [...open].sort(([, one], [, other]) => one.chunk - other.chunk).map(([source]) => source);
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
    const first = Math.min(...[...open.values()].map(({ chunk }) => chunk));
    forget(first - 1);
    const delivered: Partial<Record<Source, number>> = {};
    for (const { number: at, source } of remembered)
      if (at < (open.get(source)?.chunk ?? Number.POSITIVE_INFINITY)) delivered[source] = (delivered[source] ?? 0) + 1;
    return { ...(before !== undefined && { after: before }), ahead: delivered };
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

function size({ lines, bytes }: Unit): number {
  return Buffer.byteLength(lines) + bytes;
}

/** What is no UTF-8 becomes replacement characters. */
function text(bytes: Buffer): string {
  return bytes.toString('utf8');
}

/** Removes from the end of a unit's last line what is not yet a whole character, and returns it. */
function takeBrokenCharacter(unit: Unit): Buffer {
  const line = Buffer.concat(unit.parts);
  const edge = line.length - brokenBytes(line);
  unit.parts = edge > 0 ? [line.subarray(0, edge)] : [];
  unit.bytes -= line.length - edge;
  return line.subarray(edge);
}

/** How many bytes at the end begin a character that is not complete. */
function brokenBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (isContinuation(byte)) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? back : 0;
  }
  return 0;
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
