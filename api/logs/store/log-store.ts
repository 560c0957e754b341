/**
 * Everything that CloudWatch Logs keeps, in one folder that one process holds:
 *
 *   catalog/        groups and streams
 *   events-000017/  a segment: what came in during one stretch of time; the newest takes what comes
 *
 * Events that come while a write is under way go to disk together in the next one. An event that was acknowledged is on
 * disk. When the folder grows beyond its limit the oldest segment goes.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { needRoom } from '../../../core/disk-room.ts';
import { type Catalog, type LogGroup, type LogStream, openCatalog } from './catalog.ts';
import { comparePositions, highest, type Position } from './keys.ts';
import { mergeSources } from './merge.ts';
import { openSegment, type Segment, type StoredEvent } from './segment.ts';

export type { LogGroup, LogStream } from './catalog.ts';
export type { StoredEvent } from './segment.ts';

export interface NewEvent {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly message: string;
}

/** What is known of a stream's events. */
export interface StreamFacts {
  readonly firstEvent?: number;
  readonly lastEvent?: number;
  readonly lastIngestion?: number;
  readonly bytes: number;
}

export interface ScanRange {
  /** Milliseconds since the epoch, both inclusive. */
  readonly from: number;
  readonly to: number;
  /** Only what lies beyond this position, in the direction of reading. */
  readonly beyond?: Position;
  readonly reverse?: boolean;
}

export interface StoreSize {
  /** Bytes on disk, and how many they may be. */
  readonly bytes: number;
  readonly limit: number;
}

export type AppendListener = (stream: LogStream, events: readonly StoredEvent[]) => void;

export interface LogStore {
  readonly catalog: Catalog;
  /**
   * Resolves when the events are on disk.
   * @throws StoreFullError when the disk takes no more
   */
  append(stream: LogStream, events: readonly NewEvent[]): Promise<void>;
  /** Events of these streams in the order of time, in portions. */
  scan(streams: readonly LogStream[], range: ScanRange): AsyncIterable<readonly StoredEvent[]>;
  facts(stream: LogStream): StreamFacts;
  /** Calls back with every event that was stored, after it was. */
  listen(listener: AppendListener): () => void;
  /** The oldest time that the group's retention leaves. */
  cutoff(group: LogGroup): number;
  /** Removes what expired, what belongs to no stream, and what is beyond the limit. */
  tidy(): Promise<void>;
  size(): Promise<StoreSize>;
  close(): Promise<void>;
}

export interface LogStoreOptions {
  readonly folder: string;
  /** Bytes. */
  readonly limit: number;
  readonly clock: Clock;
  /** Told what went wrong in the background. */
  readonly failed: (error: unknown) => void;
}

/** The disk takes no more, or fails: nothing of the write was acknowledged. */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
}

const day = 86_400_000;
/** A segment is closed when it has this part of what the folder may hold, or is a day old. */
const segmentsInLimit = 20;
const largestSegment = 512 * 2 ** 20;
/** How many bytes of events may come before sizes are looked at again. */
const checkEvery = 4 * 2 ** 20;
/** Events in one write. */
const largestWrite = 20_000;

interface Pending {
  readonly stream: LogStream;
  readonly events: readonly NewEvent[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Bytes, as CloudWatch Logs counts them. */
function sizeOfAll(events: readonly NewEvent[]): number {
  return events.reduce((sum, { message }) => sum + message.length + 26, 0);
}

export async function openLogStore({ folder, limit, clock, failed }: LogStoreOptions): Promise<LogStore> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Held by whoever has the catalog open.
  const catalog = await openCatalog(join(folder, 'catalog'));
  let segments = await openSegments(folder, clock).catch(async (error: unknown) => {
    await catalog.close();
    throw error;
  });
  const listeners = new Set<AppendListener>();
  const known = new Map<number, StreamFacts>();
  let sequence = 0;
  for (const { segment } of segments)
    for (const [stream, summary] of segment.summaries) {
      sequence = Math.max(sequence, summary.sequence);
      known.set(stream, withFacts(known.get(stream), summary));
    }

  let waiting: Pending[] = [];
  let writing: Promise<void> | undefined;
  let unchecked = 0;

  async function newest(): Promise<Segment> {
    const last = segments.at(-1);
    if (last !== undefined && !last.full && clock() - last.openedAt < day) return last.segment;
    const number = (last?.number ?? 0) + 1;
    const segment = await openSegment(join(folder, segmentName(number)));
    segments = [...segments, { number, segment, openedAt: clock(), full: false }];
    return segment;
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const group = takeUpTo(waiting, largestWrite);
      waiting = waiting.slice(group.length);
      const ingestionTime = clock();
      const stored = group.map(({ stream, events }) =>
        events.map(({ timestamp, message }): StoredEvent => {
          sequence += 1;
          return { stream: stream.id, timestamp, message, ingestionTime, sequence };
        }),
      );
      try {
        await needRoom(
          folder,
          group.reduce((sum, { events }) => sum + sizeOfAll(events), 0),
        );
        await (await newest()).append(stored.flat());
      } catch (error) {
        failed(error);
        const reason = new StoreFullError(`The log store cannot write: ${(error as Error).message}`, { cause: error });
        for (const { reject } of group) reject(reason);
        continue;
      }
      for (const [index, { stream, events, resolve }] of group.entries()) {
        const its = stored[index] ?? [];
        for (const event of its) known.set(stream.id, withEvent(known.get(stream.id), event));
        unchecked += sizeOfAll(events);
        resolve();
        for (const listener of listeners) listener(stream, its);
      }
      if (unchecked >= checkEvery) {
        unchecked = 0;
        await keepWithinLimit().catch(failed);
      }
    }
    writing = undefined;
  }

  async function sizes(): Promise<readonly number[]> {
    return await Promise.all(segments.map(async ({ segment }) => await segment.size()));
  }

  async function keepWithinLimit(): Promise<void> {
    const all = await sizes();
    let total = all.reduce((sum, size) => sum + size, 0);
    const last = segments.at(-1);
    if (last !== undefined && (all.at(-1) ?? 0) >= Math.min(limit / segmentsInLimit, largestSegment)) last.full = true;
    // Room for what comes before sizes are looked at again.
    const most = limit - Math.min(limit / segmentsInLimit, 2 * checkEvery);
    for (const size of all) {
      const [oldest] = segments;
      if (total <= most || oldest === undefined || (segments.length === 1 && !oldest.full)) return;
      await drop(oldest);
      total -= size;
    }
  }

  async function drop(held: HeldSegment): Promise<void> {
    segments = segments.filter((each) => each !== held);
    const streams = [...held.segment.summaries.keys()];
    await held.segment.remove();
    for (const stream of streams) relearn(stream);
  }

  function relearn(stream: number): void {
    let facts: StreamFacts | undefined;
    for (const { segment } of segments) {
      const summary = segment.summaries.get(stream);
      if (summary) facts = withFacts(facts, summary);
    }
    if (facts) known.set(stream, facts);
    else known.delete(stream);
  }

  function cutoff({ retentionInDays }: LogGroup): number {
    return retentionInDays === undefined ? 0 : clock() - retentionInDays * day;
  }

  async function removeExpired(): Promise<void> {
    for (const held of segments) {
      const { segment } = held;
      let removed = false;
      for (const [id, { first }] of [...segment.summaries]) {
        const stream = catalog.streamById(id);
        const group = stream && catalog.groupById(stream.groupId);
        const before = group === undefined ? highest : cutoff(group);
        if (first >= before) continue;
        await segment.removeBefore(id, before);
        relearn(id);
        removed = true;
      }
      if (segment.summaries.size === 0 && held !== segments.at(-1)) await drop(held);
      else if (removed) await segment.compact();
    }
  }

  let tidying: Promise<void> = Promise.resolve();

  return {
    catalog,
    cutoff,

    append: (stream, events) =>
      new Promise<void>((resolve, reject) => {
        waiting.push({ stream, events, resolve, reject });
        writing ??= Promise.resolve().then(writeAll);
      }),

    scan(streams, { from, to, beyond, reverse = false }) {
      const first =
        !reverse && beyond ? later({ timestamp: from, sequence: 0 }, beyond, 1) : { timestamp: from, sequence: 0 };
      const end = { timestamp: to, sequence: highest };
      const last = reverse && beyond ? earlier(end, beyond) : end;
      const sources = segments.flatMap(({ segment }) =>
        streams.flatMap(({ id }) => {
          const summary = segment.summaries.get(id);
          if (!summary || summary.last < first.timestamp || summary.first > last.timestamp) return [];
          const bound = reverse
            ? earlierOf({ timestamp: summary.last, sequence: highest }, last)
            : laterOf({ timestamp: summary.first, sequence: 0 }, first);
          return [{ bound, open: () => segment.read(id, { from: first, to: last, reverse }) }];
        }),
      );
      return mergeSources(sources, reverse);
    },

    facts: ({ id }) => known.get(id) ?? { bytes: 0 },

    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    tidy() {
      tidying = tidying.then(removeExpired).then(keepWithinLimit).catch(failed);
      return tidying;
    },

    size: async () => ({ bytes: (await sizes()).reduce((sum, size) => sum + size, 0), limit }),

    async close() {
      await writing;
      await tidying;
      for (const { segment } of segments) await segment.close();
      await catalog.close();
    },
  };
}

interface HeldSegment {
  readonly number: number;
  readonly segment: Segment;
  /** When this process began to write to it. */
  readonly openedAt: number;
  /** Takes no more. */
  full: boolean;
}

const segmentName = (number: number) => `events-${String(number).padStart(6, '0')}`;

/** One that cannot be read any more is told and set aside by throwing: it must not be lost silently. */
async function openSegments(folder: string, clock: Clock): Promise<HeldSegment[]> {
  const numbers = (await readdir(folder))
    .flatMap((name) => /^events-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((one, other) => one - other);
  const held: HeldSegment[] = [];
  for (const number of numbers) {
    const segment = await openSegment(join(folder, segmentName(number)));
    const newest = number === numbers.at(-1);
    if (!newest && segment.summaries.size === 0) {
      // A removal that did not come to its end.
      await segment.close();
      await rm(segment.folder, { recursive: true, force: true });
    } else held.push({ number, segment, openedAt: clock(), full: false });
  }
  return held;
}

function takeUpTo(waiting: readonly Pending[], most: number): readonly Pending[] {
  let events = 0;
  const end = waiting.findIndex((pending) => {
    events += pending.events.length;
    return events > most;
  });
  return end < 0 ? waiting : waiting.slice(0, Math.max(1, end));
}

function withEvent(facts: StreamFacts | undefined, { timestamp, ingestionTime, message }: StoredEvent): StreamFacts {
  return withFacts(facts, {
    first: timestamp,
    last: timestamp,
    lastIngestion: ingestionTime,
    bytes: Buffer.byteLength(message) + 26,
  });
}

function withFacts(
  facts: StreamFacts | undefined,
  more: { readonly first: number; readonly last: number; readonly lastIngestion: number; readonly bytes: number },
): StreamFacts {
  return {
    firstEvent: Math.min(facts?.firstEvent ?? more.first, more.first),
    lastEvent: Math.max(facts?.lastEvent ?? more.last, more.last),
    lastIngestion: Math.max(facts?.lastIngestion ?? 0, more.lastIngestion),
    bytes: (facts?.bytes ?? 0) + more.bytes,
  };
}

function laterOf(one: Position, other: Position): Position {
  return comparePositions(one, other) >= 0 ? one : other;
}

function earlierOf(one: Position, other: Position): Position {
  return comparePositions(one, other) <= 0 ? one : other;
}

function later(start: Position, beyond: Position, step: number): Position {
  return laterOf(start, { timestamp: beyond.timestamp, sequence: beyond.sequence + step });
}

function earlier(end: Position, beyond: Position): Position {
  return earlierOf(
    end,
    beyond.sequence > 0
      ? { timestamp: beyond.timestamp, sequence: beyond.sequence - 1 }
      : { timestamp: beyond.timestamp - 1, sequence: highest },
  );
}
