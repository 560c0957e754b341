/**
 * What tasks used over the last hour, a sample a minute: one list for each task, cut at its length and gone by itself an
 * hour after its last sample. Workers write it, whoever has Redis reads it.
 */
import type { Redis } from 'ioredis';
import type { Scope } from '../scope.ts';
import { type Millis, type TaskKey, taskKey } from '../task.ts';

/** What a container has used so far, or uses right now. */
export interface ContainerUsage {
  /** CPU time so far, nanoseconds. */
  readonly cpu: number;
  /** Bytes right now. */
  readonly memory: number;
  /** From and to disks so far, bytes. */
  readonly read: number;
  readonly written: number;
}

export interface TaskUsage {
  readonly at: Millis;
  /** Over the task's interface so far, bytes; absent: not known. */
  readonly received?: number;
  readonly sent?: number;
  readonly containers: Readonly<Record<string, ContainerUsage>>;
}

export interface UsageStore {
  /** Adds a sample to each of these tasks' lists. */
  add(samples: ReadonlyMap<TaskKey, TaskUsage>): Promise<void>;
  /** Oldest first; empty when nothing is known (any more). */
  of(task: Scope & { readonly taskId: string }): Promise<readonly TaskUsage[]>;
}

/** Milliseconds from one sample to the next. */
export const sampleInterval = 60_000;
/** Samples kept: an hour's. */
const kept = 60;
/** Seconds. */
const expiry = 3600;

/** A number a field, in this order: names would be most of what is stored. */
type Row = [at: number, received: number | null, sent: number | null, ...containers: ContainerRow[]];
type ContainerRow = [name: string, cpu: number, memory: number, read: number, written: number];

export function createUsageStore(redis: Redis, prefix: string): UsageStore {
  const key = (task: TaskKey) => `${prefix}:usage:${task}`;
  return {
    async add(samples) {
      if (samples.size === 0) return;
      const pipeline = redis.pipeline();
      for (const [task, sample] of samples)
        pipeline
          .rpush(key(task), JSON.stringify(rowOf(sample)))
          .ltrim(key(task), -kept, -1)
          .expire(key(task), expiry);
      for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
    },
    async of(task) {
      const rows = await redis.lrange(key(taskKey(task)), 0, -1);
      return rows.map((row) => usageOf(JSON.parse(row) as Row));
    },
  };
}

function rowOf({ at, received, sent, containers }: TaskUsage): Row {
  const rows = Object.entries(containers).map(
    ([name, { cpu, memory, read, written }]): ContainerRow => [name, cpu, memory, read, written],
  );
  return [at, received ?? null, sent ?? null, ...rows];
}

function usageOf([at, received, sent, ...containers]: Row): TaskUsage {
  return {
    at,
    ...(received !== null && { received }),
    ...(sent !== null && { sent }),
    containers: Object.fromEntries(
      containers.map(([name, cpu, memory, read, written]) => [name, { cpu, memory, read, written }]),
    ),
  };
}
