/**
 * What came in during one stretch of time, in a LevelDB of its own: compressed, in order, each write on disk before it
 * is answered. When a segment is to go its folder is removed, which takes neither time nor room.
 */
import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { eventKey, everySummary, highest, type Position, readEventKey, readSummaryKey, summaryKey } from './keys.ts';

export interface StoredEvent extends Position {
  /** Id of the stream. */
  readonly stream: number;
  /** Milliseconds since the epoch. */
  readonly ingestionTime: number;
  readonly message: string;
}

/** What a segment holds of one stream. */
export interface Summary {
  /** Timestamps of the earliest and the latest event. */
  readonly first: number;
  readonly last: number;
  readonly lastIngestion: number;
  readonly count: number;
  /** As CloudWatch Logs counts: UTF-8 and 26 for each event. */
  readonly bytes: number;
  /** Highest sequence of an event. */
  readonly sequence: number;
}

export interface EventRange {
  /** The first position that may be read. */
  readonly from: Position;
  /** The last position that may be read. */
  readonly to: Position;
  /** Latest first. */
  readonly reverse: boolean;
}

export interface Segment {
  readonly folder: string;
  /** By stream id. */
  readonly summaries: ReadonlyMap<number, Summary>;
  /** Bytes of its files. */
  size(): Promise<number>;
  /** All or nothing, and on disk when it resolves. */
  append(events: readonly StoredEvent[]): Promise<void>;
  /** A stream's events in pages, until an empty one. What is removed meanwhile may be missing. */
  read(stream: number, range: EventRange): EventPages;
  /** Removes a stream's events before `timestamp`. */
  removeBefore(stream: number, timestamp: number): Promise<void>;
  /** Gives room back that removed events took. */
  compact(): Promise<void>;
  close(): Promise<void>;
  /** Closes it and removes its folder. */
  remove(): Promise<void>;
}

export interface EventPages {
  next(): Promise<readonly StoredEvent[]>;
  close(): Promise<void>;
}

/** CloudWatch Logs adds this to each event's length. */
export const eventOverhead = 26;

const options = {
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  compression: true,
  blockSize: 32 * 1024,
  cacheSize: 2 * 2 ** 20,
  writeBufferSize: 8 * 2 ** 20,
  maxFileSize: 8 * 2 ** 20,
  maxOpenFiles: 64,
} as const;

const pageEvents = 1000;
const pageBytes = 512 * 1024;
/** Bytes that LevelDB may need for itself when it opens. */
const openingRoom = 2 ** 20;
/** Events removed in one write. */
const removalBatch = 5000;

type Database = ClassicLevel<Buffer, Buffer>;

/** @throws Error when the folder is in use by another process (LEVEL_LOCKED) or cannot be read */
export async function openSegment(folder: string): Promise<Segment> {
  let database = await openDatabase(folder);
  let broken = false;
  let closed = false;
  const summaries = new Map<number, Summary>();
  for (const [key, value] of await database.iterator(everySummary).all())
    summaries.set(readSummaryKey(key), JSON.parse(value.toString('utf8')) as Summary);

  /**
   * After a write that failed LevelDB takes no more of them until it has been opened again. That takes room; without it
   * the segment would be closed for readers too.
   */
  async function writable(): Promise<Database> {
    if (!broken) return database;
    await checkRoom(folder);
    await database.close();
    database = await openDatabase(folder);
    broken = false;
    return database;
  }

  async function write(fill: (batch: ReturnType<Database['batch']>) => void): Promise<void> {
    const batch = (await writable()).batch();
    fill(batch);
    try {
      await batch.write({ sync: true });
    } catch (error) {
      broken = true;
      throw error;
    }
  }

  let turn: Promise<unknown> = Promise.resolve();
  /** One write after another: each goes by the summaries that the one before it left. */
  function inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = turn.then(action);
    turn = result.catch(() => {});
    return result;
  }

  async function append(events: readonly StoredEvent[]): Promise<void> {
    const after = new Map<number, Summary>();
    await write((batch) => {
      for (const event of events) {
        const message = Buffer.byteLength(event.message);
        const value = Buffer.allocUnsafe(6 + message);
        value.writeUIntBE(event.ingestionTime, 0, 6);
        value.write(event.message, 6, 'utf8');
        batch.put(eventKey(event.stream, event), value);
        after.set(event.stream, withEvent(after.get(event.stream) ?? summaries.get(event.stream), event, message));
      }
      for (const [stream, summary] of after) batch.put(summaryKey(stream), Buffer.from(JSON.stringify(summary)));
    });
    for (const [stream, summary] of after) summaries.set(stream, summary);
  }

  /** @returns whether there is more to remove */
  async function removeSome(stream: number, timestamp: number): Promise<boolean> {
    const summary = summaries.get(stream);
    if (summary === undefined || summary.first >= timestamp) return false;
    const all = summary.last < timestamp;
    const range = {
      gte: eventKey(stream, { timestamp: 0, sequence: 0 }),
      lt: eventKey(stream, all ? { timestamp: highest, sequence: highest } : { timestamp, sequence: 0 }),
    };
    const entries = await database.iterator({ ...range, limit: removalBatch, fillCache: false }).all();
    const over = entries.length < removalBatch;
    const gone = all && over;
    const [lastKey] = entries.at(-1) ?? [];
    const left: Summary = {
      ...summary,
      first: Math.min(summary.last, over || lastKey === undefined ? timestamp : readEventKey(lastKey).timestamp),
      count: summary.count - entries.length,
      bytes: entries.reduce((bytes, [, value]) => bytes - (value.length - 6) - eventOverhead, summary.bytes),
    };
    await write((batch) => {
      for (const [key] of entries) batch.del(key);
      if (gone) batch.del(summaryKey(stream));
      else batch.put(summaryKey(stream), Buffer.from(JSON.stringify(left)));
    });
    if (gone) summaries.delete(stream);
    else summaries.set(stream, left);
    return !over;
  }

  return {
    folder,
    summaries,

    async size() {
      const names = await readdir(folder).catch(() => []);
      // Files come and go while they are counted.
      const sizes = await Promise.all(
        names.map(
          async (name) =>
            await stat(join(folder, name)).then(
              ({ size }) => size,
              () => 0,
            ),
        ),
      );
      return sizes.reduce((sum, size) => sum + size, 0);
    },

    append: async (events) => await inTurn(async () => await append(events)),

    read(stream, { from, to, reverse }) {
      const iterator = database.iterator({
        gte: eventKey(stream, from),
        lte: eventKey(stream, to),
        reverse,
        fillCache: false,
        highWaterMarkBytes: pageBytes,
      });
      return {
        async next() {
          try {
            const entries = await iterator.nextv(pageEvents);
            return entries.map(([key, value]) => ({
              ...readEventKey(key),
              ingestionTime: value.readUIntBE(0, 6),
              message: value.toString('utf8', 6),
            }));
          } catch (error) {
            // Removed, or opened anew: what is gone is not to be read.
            if (closed) return [];
            throw error;
          }
        },
        close: async () => await iterator.close().catch(() => {}),
      };
    },

    async removeBefore(stream, timestamp) {
      while (await inTurn(async () => await removeSome(stream, timestamp)));
    },

    compact: async () => await database.compactRange(Buffer.from([0]), Buffer.from([255])),

    async close() {
      closed = true;
      await database.close();
    },

    async remove() {
      closed = true;
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** @throws Error when the disk has no room for what opening writes: its logs as tables, and a new manifest */
async function checkRoom(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /\.log$|^MANIFEST-/.test(name));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  const needed = sizes.reduce((sum, size) => sum + size, openingRoom);
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < needed) throw new Error(`The disk has no room (${needed} bytes are needed).`);
}

async function openDatabase(folder: string): Promise<Database> {
  const database: Database = new ClassicLevel(folder, options);
  await database.open();
  return database;
}

function withEvent(summary: Summary | undefined, event: StoredEvent, messageBytes: number): Summary {
  const { timestamp, ingestionTime, sequence } = event;
  const bytes = messageBytes + eventOverhead;
  if (summary === undefined)
    return { first: timestamp, last: timestamp, lastIngestion: ingestionTime, count: 1, bytes, sequence };
  return {
    first: Math.min(summary.first, timestamp),
    last: Math.max(summary.last, timestamp),
    lastIngestion: Math.max(summary.lastIngestion, ingestionTime),
    count: summary.count + 1,
    bytes: summary.bytes + bytes,
    sequence: Math.max(summary.sequence, sequence),
  };
}
