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
  { follow, since, signal }: LogOptions,
): AsyncGenerator<LogChunk> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  const inspect = () => engine.call((docker) => docker.getContainer(id).inspect());
  try {
    const { Config } = await inspect();
    const place = Config.Tty ? placeInBytes(since) : placeInTime(since);
    const read = async function* (following: boolean) {
      const options = { follow: following, since: place.since(), timestamps: place.timestamps };
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
  query: { readonly follow: boolean; readonly since: string | undefined; readonly timestamps: boolean },
  abortSignal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const request = {
    path: `/containers/${id}/logs?`,
    method: 'GET',
    isStream: true,
    options: { stdout: true, stderr: true, ...query },
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

/** Where a reader is in a log, so that it can go on there. */
interface Place {
  readonly timestamps: boolean;
  /** The engine's query parameter. */
  since(): string | undefined;
  unseen(stream: AsyncIterable<Uint8Array>): AsyncIterable<LogChunk>;
}

const SPACE = 0x20;

/** Each message starts with its time, `2026-01-02T03:04:05.123456789Z `. Several may have the same one. */
function placeInTime(start: number | undefined): Place {
  let last = '';
  let seenAtLast = 0;
  return {
    timestamps: true,
    since: () => (last ? engineTime(last) : secondsOf(start)),
    async *unseen(stream) {
      const again = last;
      let skip = seenAtLast;
      for await (const { stream: from, data } of demultiplex(stream)) {
        const space = data.indexOf(SPACE);
        const time = Buffer.from(data.subarray(0, space)).toString();
        if (time === again && skip > 0) {
          skip -= 1;
          continue;
        }
        seenAtLast = time === last ? seenAtLast + 1 : 1;
        last = time;
        yield { stream: from, data: data.subarray(space + 1), at: Number(engineTime(time)) * 1000 };
      }
    },
  };
}

/** A terminal has one stream without any framing: only bytes can be counted. */
function placeInBytes(start: number | undefined): Place {
  let seen = 0;
  return {
    timestamps: false,
    since: () => secondsOf(start),
    async *unseen(stream) {
      let skip = seen;
      for await (const bytes of stream) {
        const data = bytes.subarray(Math.min(skip, bytes.length));
        skip -= bytes.length - data.length;
        if (data.length === 0) continue;
        seen += data.length;
        yield { stream: 'stdout', data };
      }
    },
  };
}

function secondsOf(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : (milliseconds / 1000).toFixed(9);
}

/** Seconds since the epoch with all nine digits, which a number cannot hold. */
function engineTime(text: string): string {
  const [, seconds = '', fraction = ''] = /^([^.Z]*)\.?(\d*)Z$/.exec(text) ?? [];
  return `${Date.parse(`${seconds}Z`) / 1000}.${fraction.padEnd(9, '0')}`;
}
