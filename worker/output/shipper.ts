/**
 * Brings one container's output to its sink: every line, in order, once.
 *
 * Reading and delivering go on side by side with a bounded buffer between them. When that is full, or reading falls
 * behind, a container in blocking mode is frozen until everything that it wrote has been taken in. In non-blocking mode
 * it goes on, and the runtime drops the oldest output once it keeps more than it may.
 */
import type { Logger } from 'pino';
import type { Expression } from '../../core/expression.ts';
import { type ContainerHandle, type Driver, DriverError, type LogChunk } from '../../runtime/driver.ts';
import { pause } from '../persistence.ts';
import { type Cursor, type Delivery, type Place, start } from './cursor.ts';
import { createLines, type OutputEvent, type Resume } from './lines.ts';
import { PermanentError, type Sink, type SinkEvent } from './sink.ts';

export interface ShipperOptions {
  readonly driver: Pick<Driver, 'logs' | 'pauseContainer' | 'resumeContainer'>;
  readonly handle: ContainerHandle;
  readonly sink: Sink;
  readonly cursor: Cursor;
  readonly mode: 'blocking' | 'non-blocking';
  readonly startsEvent?: Expression;
  /** Bytes that all containers of the worker have in their buffers. */
  readonly buffered: { bytes: number };
  readonly clock: () => number;
  /** Fires when the process ends; the next one goes on. */
  readonly closing: AbortSignal;
  readonly log: Logger;
}

export interface Shipper {
  /** The container runs again: there is more to come. */
  again(): void;
  /** The container has ended for good: what it wrote is delivered, then nothing more comes. */
  finish(): void;
  /** The container is to be stopped: from here on it is not frozen. */
  release(): Promise<void>;
  /** All is delivered, or can never be. */
  readonly done: Promise<void>;
  /** Grows while output is read or delivered. */
  readonly progress: number;
  /** Gives up what is not delivered. */
  abandon(): void;
}

/** Bytes that one container may have in its buffer; less when there are many. */
const fullBuffer = 4 * 2 ** 20;
const smallBuffer = 256 * 2 ** 10;
const manyBytes = 256 * 2 ** 20;
/** Milliseconds that an event waits for others that go with it. */
const linger = 40;
/** Bytes that go at once. */
const worthwhile = 256 * 2 ** 10;
/** Milliseconds without a new line after which an event that may go on is taken as complete. */
const patience = 2_000;
/** Milliseconds without output after which a frozen container has no more of it. */
const quiet = 500;
/** Milliseconds that reading may be later than it was at best before the container counts as too fast. */
const largeLag = 300;
const smallLag = 100;
/** Bytes that must have been read meanwhile, and what a line counts beside its own. */
const hurriedBytes = 512 * 2 ** 10;
const recordOverhead = 80;
/** Milliseconds that a clock may be set back by without the timestamps of events going back with it. */
const smallStep = 60_000;
/** Milliseconds after a container's end in which its output is still followed. */
const endPatience = 3_000;

interface Queued extends OutputEvent {
  readonly bytes: number;
}

export function startShipper(options: ShipperOptions): Shipper {
  const { driver, handle, sink, cursor, mode, startsEvent, buffered, clock, closing, log } = options;
  const abandoned = new AbortController();
  const over = AbortSignal.any([closing, abandoned.signal]);
  const queue: Queued[] = [];
  let bytes = 0;
  let finished = false;
  let released = false;
  let frozen = false;
  let progress = 0;
  const lag = createLag(clock);
  let readAll = false;
  let following = new AbortController();
  let changed: () => void = () => {};
  let change = nextChange();

  function nextChange(): Promise<void> {
    return new Promise((resolve) => {
      changed = () => {
        change = nextChange();
        resolve();
      };
    });
  }

  function put(events: readonly OutputEvent[]): void {
    if (events.length === 0) return;
    for (const event of events) {
      const size = Buffer.byteLength(event.message) + sink.batch.overhead;
      queue.push({ ...event, bytes: size });
      bytes += size;
      buffered.bytes += size;
    }
    if (queue.length === events.length || bytes >= worthwhile) changed();
  }

  const isFull = () => bytes >= (buffered.bytes > manyBytes ? smallBuffer : fullBuffer);

  async function freeze(): Promise<void> {
    if (mode !== 'blocking' || frozen || released || finished) return;
    frozen = true;
    await driver
      .pauseContainer(handle)
      .catch((error: unknown) => log.warn({ err: error }, 'could not hold a container'));
    lag.mark();
  }

  async function thaw(): Promise<void> {
    if (!frozen) return;
    frozen = false;
    lag.forget();
    await driver
      .resumeContainer(handle)
      .catch((error: unknown) => log.warn({ err: error }, 'could not let a container go on'));
  }

  async function read(from: Resume): Promise<void> {
    const lines = createLines({ longest: sink.longestMessage, clock, ...(startsEvent && { startsEvent }) }, from);
    let after = from.after;
    let idle: NodeJS.Timeout | undefined;
    const quietly = () => {
      if (lines.pending && startsEvent !== undefined) put(lines.flush());
      thaw();
    };
    try {
      while (!over.aborted) {
        const last = finished;
        following = new AbortController();
        const signal = AbortSignal.any([over, following.signal]);
        for await (const chunk of driver.logs(handle, { follow: !last, signal, ...(after && { after }) })) {
          after = chunk.position ?? after;
          progress += 1;
          put(lines.add(chunk));
          if (isFull() || lag.behind(chunk)) {
            clearTimeout(idle);
            await freeze();
            while (isFull() && !over.aborted) await change;
          }
          // Of one that is frozen everything is read that it had written before.
          if (frozen && !isFull() && lag.reached(chunk)) await thaw();
          if (frozen || lines.pending) idle = restart(idle, quietly, frozen ? quiet : patience);
        }
        if (over.aborted) return;
        if (last) break;
        await thaw();
        // It may run again, or have ended for good meanwhile.
        if (!finished) await changedOrOver();
      }
      if (!over.aborted) put(lines.flush());
    } finally {
      clearTimeout(idle);
      await thaw();
    }
  }

  function changedOrOver(): Promise<void> {
    return new Promise((resolve) => {
      if (over.aborted) return resolve();
      over.addEventListener('abort', () => resolve(), { once: true });
      waiters.push(resolve);
    });
  }
  let waiters: (() => void)[] = [];
  const wakeReader = () => {
    for (const resolve of waiters) resolve();
    waiters = [];
  };

  async function deliverAll(from: Place): Promise<void> {
    let place = from;
    for (;;) {
      while (queue.length === 0) {
        if (readAll || over.aborted) return;
        await change;
      }
      if (bytes < worthwhile && !readAll) await Promise.race([pause(linger, over), change]);
      if (over.aborted) return;
      const taken = takeBatch(queue, sink.batch);
      const { events, after } = stamp(taken, place, clock(), sink.window);
      await deliver(events, place, after);
      place = after;
      const size = queue.splice(0, events.length).reduce((sum, event) => sum + event.bytes, 0);
      bytes -= size;
      buffered.bytes -= size;
      progress += 1;
      changed();
    }
  }

  async function deliver(events: readonly SinkEvent[], before: Place, after: Place): Promise<void> {
    const first = events[0]?.timestamp ?? 0;
    const last = events.at(-1)?.timestamp ?? first;
    const delivery: Delivery = { before, after, first, last, already: await arrivedBefore(before, after, first, last) };
    if (over.aborted) return;
    await cursor
      .write(delivery)
      .catch((error: unknown) => log.warn({ err: error }, 'could not note how much output was delivered'));
    for (let wait = 100, tried = false; !over.aborted; wait = Math.min(wait * 2, 5_000)) {
      try {
        if (tried && (await wasDelivered(delivery))) return;
        tried = true;
        return await sink.deliver(events, over);
      } catch (error) {
        if (over.aborted) return;
        if (error instanceof PermanentError) {
          log.error({ err: error, events: events.length }, 'output could not be delivered');
          return;
        }
        log.warn({ err: error }, 'output could not be delivered; trying again');
        await pause(wait, over);
      }
    }
  }

  async function wasDelivered({ first, last, already }: Delivery): Promise<boolean> {
    if (!sink.countBetween) return false;
    return (await sink.countBetween(first, last, already + 1, over)) > already;
  }

  /** Events between these timestamps that are there before a delivery; asked for where the clock was set back. */
  async function arrivedBefore(before: Place, after: Place, first: number, last: number): Promise<number> {
    if (first > after.again) return first === before.timestamp ? before.same : 0;
    return (
      (await untilAnswered(async () => await sink.countBetween?.(first, last, Number.POSITIVE_INFINITY, over))) ?? 0
    );
  }

  /** Where an earlier process of this worker stopped. */
  async function firstPlace(): Promise<Place> {
    const delivery = await cursor.read();
    if (delivery === undefined) return start;
    return (await untilAnswered(async () => await wasDelivered(delivery))) ? delivery.after : delivery.before;
  }

  /** undefined: there will be no answer. */
  async function untilAnswered<T>(ask: () => Promise<T>): Promise<T | undefined> {
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        return await ask();
      } catch (error) {
        if (over.aborted || error instanceof PermanentError) return undefined;
        log.warn({ err: error }, 'the destination could not be asked what has arrived; trying again');
        await pause(wait, over);
      }
    }
  }

  async function run(): Promise<void> {
    const place = await firstPlace();
    // One that an earlier process froze.
    if (place !== start && mode === 'blocking') {
      frozen = true;
      await thaw();
    }
    const reading = read(place.resume)
      .catch((error: unknown) => {
        if (over.aborted) return;
        const gone = error instanceof DriverError && error.kind === 'not-found';
        log[gone ? 'warn' : 'error']({ err: error }, 'output could not be read any more');
      })
      .finally(() => {
        readAll = true;
        changed();
      });
    over.addEventListener('abort', () => changed(), { once: true });
    await deliverAll(place);
    await reading;
  }

  const done = run()
    .catch((error: unknown) => {
      if (!over.aborted) log.error({ err: error }, 'output is not delivered any more');
    })
    .finally(() => {
      buffered.bytes -= bytes;
      sink.close();
    });

  return {
    done,
    again: wakeReader,
    finish() {
      finished = true;
      wakeReader();
      changed();
      // An engine may go on following a container that has ended; what comes after that is read without following.
      const current = following;
      setTimeout(() => current.abort(), endPatience).unref();
    },
    async release() {
      released = true;
      await thaw();
    },
    get progress() {
      return progress;
    },
    abandon: () => abandoned.abort(),
  };
}

/** As many as one delivery may hold, up to a place from which reading can go on. */
function takeBatch(queue: readonly Queued[], limits: Sink['batch']): readonly Queued[] {
  const first = queue[0]?.at ?? 0;
  let bytes = 0;
  let whole = 0;
  let count = 0;
  for (const event of queue) {
    bytes += event.bytes;
    if (count > 0 && (count >= limits.events || bytes > limits.bytes || event.at - first > limits.span)) break;
    count += 1;
    if (event.resume) whole = count;
  }
  return queue.slice(0, whole > 0 ? whole : count);
}

/**
 * Timestamps do not go back, so that the order in which events are read is the one in which they were written, and who
 * follows them misses none; but a clock that was far ahead and set right is believed. What the destination would refuse
 * was written while the clock was wrong: better with another time than lost.
 */
function stamp(
  taken: readonly Queued[],
  place: Place,
  now: number,
  window: Sink['window'] = { before: Number.POSITIVE_INFINITY, after: Number.POSITIVE_INFINITY },
): { readonly events: readonly SinkEvent[]; readonly after: Place } {
  let { timestamp, same, resume, again } = place;
  const events: SinkEvent[] = [];
  for (const event of taken) {
    const at = Math.floor(event.at > now + window.after ? now : Math.max(event.at, now - window.before));
    const stamped = at < timestamp && timestamp <= now + smallStep ? timestamp : at;
    // One delivery is in the order of time.
    if (events.length > 0 && stamped < timestamp) break;
    if (stamped < timestamp) again = Math.max(again, timestamp);
    same = stamped === timestamp ? same + 1 : 1;
    timestamp = stamped;
    resume = event.resume ?? resume;
    events.push({ timestamp, message: event.message, source: event.source });
  }
  return { events, after: { resume, timestamp, same, again } };
}

/**
 * Whether reading falls behind writing: the runtime keeps only so much of what was not read. Only how the distance
 * between the two grows counts: an old backlog, or a clock that differs from the runtime's, has a distance of its own.
 */
function createLag(clock: () => number) {
  let least = Number.POSITIVE_INFINITY;
  let hurry = 0;
  let marked = Number.POSITIVE_INFINITY;
  return {
    /** From now on nothing is written. */
    mark() {
      marked = clock();
    },
    /** Whether next to nothing was written between this and the mark. */
    reached: ({ at }: LogChunk): boolean => at !== undefined && marked - at - least < smallLag,
    behind({ at, data }: LogChunk): boolean {
      if (at === undefined) return false;
      const distance = clock() - at;
      least = Math.min(least, distance);
      hurry = distance - least < smallLag ? 0 : hurry + data.length + recordOverhead;
      return distance - least > largeLag && hurry > hurriedBytes;
    },
    forget() {
      least = Number.POSITIVE_INFINITY;
      hurry = 0;
    },
  };
}

function restart(timer: NodeJS.Timeout | undefined, action: () => void, milliseconds: number): NodeJS.Timeout {
  clearTimeout(timer);
  return setTimeout(action, milliseconds);
}
