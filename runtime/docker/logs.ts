/**
 * A container's output as the engine keeps it, in order. An engine that follows a log may end it before its last lines
 * (when the container ends at that moment) or lose the connection: what was not seen yet is read again from there.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import { type ContainerHandle, DriverError, type LogChunk, type LogOptions } from '../driver.ts';
import type { Context } from './context.ts';
import { failure, isUnreachable, statusOf } from './engine.ts';
import { demultiplex } from './multiplexed.ts';

export async function* readLogs(
  { engine }: Context,
  { id, name }: ContainerHandle,
  { follow, since, after, signal }: LogOptions,
): AsyncGenerator<LogChunk> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  const inspect = () => engine.call((docker) => docker.getContainer(id).inspect());
  try {
    const { Config } = await inspect();
    const place = createPlace(Config.Tty ? terminalRecords : framedRecords, since, after);
    const read = async function* (following: boolean) {
      const options = { follow: following, since: place.since() };
      yield* place.unseen(await engine.call((docker) => openLogs(docker, id, options, stop.signal)));
    };
    for (let running = follow; running; ) {
      try {
        yield* read(true);
        running = (await inspect()).State.Running;
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        await delay(500, undefined, { signal: stop.signal });
      }
    }
    yield* read(false);
  } catch (error) {
    if (signal?.aborted) return;
    if (statusOf(error) === 404) throw new DriverError('not-found', `Container ${name} is gone.`, { cause: error });
    throw failure('engine', error);
  } finally {
    signal?.removeEventListener('abort', abort);
    stop.abort();
  }
}

/** Not dockerode's own method: that one reads a whole log into memory, and parses it when it looks like JSON. */
function openLogs(
  docker: Docker,
  id: string,
  query: { readonly follow: boolean; readonly since: string | undefined },
  abortSignal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const request = {
    path: `/containers/${id}/logs?`,
    method: 'GET',
    isStream: true,
    options: { stdout: true, stderr: true, timestamps: true, ...query },
    statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
    abortSignal,
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(request, (error, result) => {
      if (error) reject(error);
      else resolve(result as unknown as AsyncIterable<Uint8Array>);
    });
  });
}

/** A message as the engine keeps it: its time, `2026-01-02T03:04:05.123456789Z`, and a line or a part of a long one. */
interface LogRecord {
  readonly stream: 'stdout' | 'stderr';
  readonly time: string;
  readonly data: Uint8Array;
}

type ReadRecords = (stream: AsyncIterable<Uint8Array>) => AsyncIterable<LogRecord>;

/** Where a reader is in a log, so that it can go on there. */
interface Place {
  /** The engine's query parameter. */
  since(): string | undefined;
  unseen(stream: AsyncIterable<Uint8Array>): AsyncIterable<LogChunk>;
}

/**
 * Milliseconds. An engine whose reader is overtaken by the rotation of its files gives some records again. They are told
 * by their age from those that come after the clock was set back.
 */
const stale = 2_000;

/**
 * A position is a time, and how many records of that very time have been seen: `2026-01-02T03:04:05.123456789Z/2`. After
 * a third stroke comes the newest time that was seen before the clock was set back, until it has come up to that again.
 */
function createPlace(records: ReadRecords, start: number | undefined, after: string | undefined): Place {
  let [last = '', seenAtLast = 0, ahead = ''] = readPosition(after);
  const milliseconds = createMilliseconds();
  let newest: Uint8Array | undefined;
  /** Engines write the two streams side by side: a line of one may come after later ones of the other. */
  const newestOf = { stdout: last, stderr: last };
  return {
    since: () => (last ? engineTime(last) : secondsOf(start)),
    async *unseen(stream) {
      const again = last;
      const aheadThen = ahead;
      let skip = seenAtLast;
      for await (const { stream: from, time, data } of records(stream)) {
        if (skip > 0 && time === again) {
          skip -= 1;
          newest = data;
          continue;
        }
        // Has been seen before the clock was set back: records lie in the order in which they were written.
        if (skip > 0 && time <= aheadThen) continue;
        // Engines repeat one now and then when they change from file to file; the parts of a long line share one time.
        const isWhole = data.at(-1) === LINE_FEED;
        if (isWhole && time === last && newest !== undefined && Buffer.compare(newest, data) === 0) continue;
        newest = data;
        if (time < last && time <= newestOf[from] && Date.now() - milliseconds(time) > stale) continue;
        newestOf[from] = time;
        seenAtLast = time === last ? seenAtLast + 1 : 1;
        if (time < last && last > ahead) ahead = last;
        else if (time > ahead) ahead = '';
        last = time;
        const position = `${time}/${seenAtLast}${ahead === '' ? '' : `/${ahead}`}`;
        yield { stream: from, data, at: milliseconds(time), position };
      }
    },
  };
}

function readPosition(text: string | undefined): readonly [time?: string, seen?: number, ahead?: string] {
  const [time, seen, ahead = ''] = text?.split('/') ?? [];
  return time === undefined ? [] : [time, Number(seen), ahead];
}

const SPACE = 0x20;
const LINE_FEED = 0x0a;

async function* framedRecords(stream: AsyncIterable<Uint8Array>): AsyncGenerator<LogRecord> {
  for await (const { stream: from, data } of demultiplex(stream)) {
    const space = data.indexOf(SPACE);
    yield {
      stream: from,
      time: Buffer.from(data.subarray(0, space)).toString('latin1'),
      data: data.subarray(space + 1),
    };
  }
}

/** Longest part of a line that the engine keeps in one record. */
const longestRecord = 16_384;
const timeAndSpace = 31;
const startsRecord = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z $/;

/** A terminal has one stream without any framing: records are told apart by their line feeds and times. */
async function* terminalRecords(stream: AsyncIterable<Uint8Array>): AsyncGenerator<LogRecord> {
  let rest = Buffer.alloc(0);
  for await (const bytes of stream) {
    rest = Buffer.concat([rest, bytes]);
    for (let end = endOfRecord(rest); end > 0; end = endOfRecord(rest)) {
      yield terminalRecord(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  }
  if (rest.length > timeAndSpace) yield terminalRecord(rest);
}

function terminalRecord(bytes: Buffer): LogRecord {
  const time = bytes.toString('latin1', 0, timeAndSpace - 1);
  return { stream: 'stdout', time, data: bytes.subarray(timeAndSpace) };
}

/** 0: its end has not come yet. */
function endOfRecord(bytes: Buffer): number {
  const lineFeed = bytes.indexOf(LINE_FEED, timeAndSpace);
  const cut = timeAndSpace + longestRecord;
  const isCut =
    bytes.length >= cut + timeAndSpace && startsRecord.test(bytes.toString('latin1', cut, cut + timeAndSpace));
  return isCut && (lineFeed < 0 || lineFeed >= cut) ? cut : lineFeed + 1;
}

function secondsOf(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : (milliseconds / 1000).toFixed(9);
}

/** Seconds since the epoch with all nine digits, which a number cannot hold. */
function engineTime(text: string): string {
  const [, seconds = '', fraction = ''] = /^([^.Z]*)\.?(\d*)Z$/.exec(text) ?? [];
  return `${Date.parse(`${seconds}Z`) / 1000}.${fraction.padEnd(9, '0')}`;
}

/** The second is looked up once for all records in it. */
function createMilliseconds(): (time: string) => number {
  let second = '';
  let start = 0;
  return (time) => {
    if (!time.startsWith(second) || second === '') {
      second = time.slice(0, 19);
      start = Date.parse(`${second}Z`);
    }
    return start + Number(time.slice(20, -1).padEnd(9, '0')) / 1e6;
  };
}
