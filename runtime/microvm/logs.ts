/** What a process in a guest wrote, fetched from its agent a piece at a time: the guest never sends unasked. */
import { type ContainerHandle, DriverError, type LogChunk, type LogOptions } from '../driver.ts';
import type { Agent } from './agent.ts';
import { AgentError, noSuchProcess } from './agent.ts';
import { findContainer } from './container.ts';
import type { Context } from './context.ts';

const HEADER = 13;
/** Microseconds between the lines that were written at once, so that each has a time of its own. */
const BETWEEN_LINES = 0.001;

export async function* readLogs(
  context: Context,
  handle: ContainerHandle,
  { follow, since, signal }: LogOptions,
): AsyncGenerator<LogChunk> {
  const { machine, container } = findContainer(context, handle);
  if (machine.record.ended) return;
  const stop = abortion(signal);
  for await (const record of records(machine.agent, container.id, follow, stop)) {
    const { at, stream, data } = record;
    if (container.tty) {
      if (since === undefined || at >= since) yield { stream, data };
      continue;
    }
    for (const [index, line] of linesOf(data).entries()) {
      const time = at + index * BETWEEN_LINES;
      if (since === undefined || time >= since) yield { stream, data: line, at: time };
      if (signal?.aborted) return;
    }
  }
}

/** Output of another process than a container's first. */
export async function* readOutput(agent: Agent, key: string): AsyncGenerator<LogChunk> {
  for await (const { stream, data } of records(agent, key, true, undefined)) yield { stream, data };
}

interface OutputRecord {
  readonly stream: LogChunk['stream'];
  readonly at: number;
  readonly data: Buffer;
}

async function* records(
  agent: Agent,
  key: string,
  follow: boolean,
  stop: Promise<'stopped'> | undefined,
): AsyncGenerator<OutputRecord> {
  for (let offset = 0; ; ) {
    const asked = agent.call('output', key, offset, follow ? '' : 'now');
    const answer = await Promise.race([asked, ...(stop ? [stop] : [])]).catch(ignoreGone);
    if (answer === undefined || answer === 'stopped') return;
    const [at, end, data = Buffer.alloc(0)] = answer;
    const start = Number(at);
    if (!Number.isSafeInteger(start) || start < offset) throw new DriverError('engine', 'The agent lost its place.');
    let taken = 0;
    for (const [record, next] of split(data)) {
      taken = next;
      yield record;
    }
    offset = start + taken;
    if (end?.toString() === 'end' || (taken === 0 && data.length > 0)) return;
    if (data.length === 0 && !follow) return;
  }
}

/** Whole records, each with where the next one begins. */
function* split(data: Buffer): Generator<readonly [OutputRecord, number]> {
  for (let at = 0; at + HEADER <= data.length; ) {
    const end = at + HEADER + data.readUInt32LE(at + 9);
    if (end > data.length) return;
    const record: OutputRecord = {
      stream: data[at] === 2 ? 'stderr' : 'stdout',
      at: Number(data.readBigUInt64LE(at + 1)) / 1000,
      // A copy: the rest need not be kept for as long as this is.
      data: Buffer.from(data.subarray(at + HEADER, end)),
    };
    yield [record, end];
    at = end;
  }
}

function linesOf(data: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const newline = data.indexOf(10, at);
    const end = newline < 0 ? data.length : newline + 1;
    lines.push(data.subarray(at, end));
    at = end;
  }
  return lines;
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
