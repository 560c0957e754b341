/** Samples what tasks use, spread over the interval so that no moment has more to do than another. */
import type { Logger } from 'pino';
import type { After } from '../core/clock.ts';
import { patiently } from '../core/patiently.ts';
import { type ContainerUsage, sampleInterval, type TaskUsage, type UsageStore } from '../core/store/usage-store.ts';
import { type TaskKey, taskKey } from '../core/task.ts';
import { type ContainerStats, type Driver, DriverError } from '../runtime/driver.ts';
import type { TaskDirectory } from './task-directory.ts';
import type { RunningTask } from './task-runner.ts';

/** The newest reading of each container before now: rates are counted from it. */
export interface Readings {
  note(task: RunningTask, container: string, stats: ContainerStats): void;
  before(task: RunningTask, container: string): ContainerStats | undefined;
}

/** Milliseconds: readings closer together say nothing about rates. */
const leastApart = 1000;

export function createReadings(): Readings {
  const known = new WeakMap<RunningTask, Map<string, ContainerStats>>();
  return {
    note(task, container, stats) {
      const readings = known.get(task) ?? new Map<string, ContainerStats>();
      known.set(task, readings);
      const last = readings.get(container);
      if (last === undefined || stats.at - last.at >= leastApart) readings.set(container, stats);
    },
    before: (task, container) => known.get(task)?.get(container),
  };
}

export interface UsageOptions {
  readonly driver: Pick<Driver, 'stats'>;
  readonly directory: Pick<TaskDirectory, 'all'>;
  readonly readings: Readings;
  readonly store: UsageStore;
  readonly after: After;
  readonly log: Logger;
  /** Milliseconds. */
  readonly interval?: number;
}

/** Samples written together. */
const batch = 50;

/** Begins; what it returns ends it. */
export function sampleUsage(options: UsageOptions): () => Promise<void> {
  const { directory, store, after, log, interval = sampleInterval } = options;
  let closed = false;
  let cancel = () => {};
  let working: Promise<void> = Promise.resolve();

  const pause = (milliseconds: number) =>
    new Promise<void>((resolve) => {
      const stop = after(milliseconds, resolve);
      cancel = () => {
        stop();
        resolve();
      };
      if (closed) cancel();
    });

  async function round(): Promise<void> {
    const tasks = directory.all();
    if (tasks.length === 0) return await pause(interval);
    const samples = new Map<TaskKey, TaskUsage>();
    for (const [index, task] of tasks.entries()) {
      await pause(interval / tasks.length);
      if (closed) return;
      const usage = await usageOf(options, task);
      if (usage) samples.set(taskKey(task.recorder.task.spec), usage);
      if (samples.size < batch && index + 1 < tasks.length) continue;
      await store.add(samples);
      samples.clear();
    }
  }

  async function run(): Promise<void> {
    while (!closed) {
      try {
        await round();
      } catch (error) {
        if (closed) return;
        log.warn({ err: error }, 'what tasks use could not be recorded');
        await pause(interval);
      }
    }
  }

  working = run();
  return async () => {
    closed = true;
    cancel();
    await patiently(
      async () => await working,
      (error) => log.warn(error),
    );
  };
}

/** undefined: nothing of it runs. */
async function usageOf({ driver, readings }: UsageOptions, task: RunningTask): Promise<TaskUsage | undefined> {
  const containers: Record<string, ContainerUsage> = {};
  let newest: ContainerStats | undefined;
  for (const [name, { handle }] of task.started) {
    if (task.recorder.task.observed.containers[name]?.finishedAt !== undefined) continue;
    try {
      const stats = await driver.stats(handle);
      readings.note(task, name, stats);
      newest = stats;
      const io = stats.blockIo ?? [];
      containers[name] = {
        cpu: stats.cpuNanoseconds,
        memory: stats.memoryBytes,
        read: io.reduce((sum, { readBytes }) => sum + readBytes, 0),
        written: io.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0),
      };
    } catch (error) {
      // It ended meanwhile, or the engine is away.
      if (!(error instanceof DriverError)) throw error;
    }
  }
  if (!newest) return undefined;
  const { network } = newest;
  return {
    at: Math.round(newest.at),
    ...(network && { received: network.received.bytes, sent: network.sent.bytes }),
    containers,
  };
}
