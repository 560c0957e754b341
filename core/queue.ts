/**
 * Launches and stops reach a worker through a BullMQ queue of its own. A job carries no state: it names tasks to look
 * at. A job that is lost is made good by the worker's next heartbeat, one that comes twice changes nothing.
 */
import { Queue, Worker as QueueWorker } from 'bullmq';
import type { Redis } from 'ioredis';
import { patiently } from './patiently.ts';
import type { TaskKey } from './task.ts';

export interface TaskJob {
  readonly tasks: readonly TaskKey[];
}

const queueName = (worker: string) => `tasks-${worker}`;
export const queuePrefix = (prefix: string) => `${prefix}:queue`;

/** How long a job of a process that died may keep the next one from it, milliseconds. */
const lockDuration = 10_000;

/** For jobs that every process may take: one that several processes died in is still due. */
export const sharedJobs = { lockDuration, stalledInterval: lockDuration / 2, maxStalledCount: 1000 } as const;

export interface Waker {
  /** Does not wait: what is wanted is already recorded. */
  readonly wake: (worker: string, tasks: readonly TaskKey[]) => void;
  /** Waits for jobs that are on their way, unless Redis is away. */
  close(): Promise<void>;
}

/** Adds jobs to workers' queues. `failed` hears of jobs that could not be added. */
export function createWaker(redis: Redis, prefix: string, failed: (error: Error) => void): Waker {
  const queues = new Map<string, Queue<TaskJob>>();
  const underWay = new Set<Promise<unknown>>();

  function queueOf(worker: string): Queue<TaskJob> {
    let queue = queues.get(worker);
    if (!queue) {
      queue = new Queue<TaskJob>(queueName(worker), {
        connection: redis,
        prefix: queuePrefix(prefix),
        streams: { events: { maxLen: 10 } },
        defaultJobOptions: { removeOnComplete: true, removeOnFail: { count: 100 } },
      });
      queue.on('error', failed);
      queues.set(worker, queue);
    }
    return queue;
  }

  return {
    wake(worker, tasks) {
      const added = queueOf(worker)
        .add('tasks', { tasks })
        .catch(failed)
        .finally(() => underWay.delete(added));
      underWay.add(added);
    },
    close: async () =>
      await patiently(async () => {
        await Promise.allSettled(underWay);
        await Promise.all([...queues.values()].map(async (queue) => await queue.close()));
      }, failed),
  };
}

/**
 * Drops the jobs that an earlier process of the worker left, those that it died over among them: a start finds every
 * task by itself.
 */
export async function dropTaskJobs(
  redis: Redis,
  { prefix, worker }: { readonly prefix: string; readonly worker: string },
): Promise<void> {
  const queue = new Queue(queueName(worker), { connection: redis, prefix: queuePrefix(prefix) });
  await queue.obliterate({ force: true });
  await queue.close();
}

/** Handles one worker's jobs, at most `concurrency` at once; `handle` resolves when the task needs no more for now. */
export function consumeTaskJobs(
  redis: Redis,
  options: { readonly prefix: string; readonly worker: string; readonly concurrency: number },
  handle: (task: TaskKey) => Promise<void>,
  failed: (error: Error) => void,
): { close(): Promise<void> } {
  const consumer = new QueueWorker<TaskJob>(
    queueName(options.worker),
    async (job) => {
      await Promise.all(job.data.tasks.map(handle));
    },
    {
      connection: redis,
      prefix: queuePrefix(options.prefix),
      concurrency: options.concurrency,
      drainDelay: 60,
      // A job that was handed out while Redis died, unheard, is handed out again; twice does no harm.
      lockDuration,
      stalledInterval: lockDuration,
      maxStalledCount: sharedJobs.maxStalledCount,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 100 },
    },
  );
  consumer.on('error', failed);
  consumer.on('failed', (_job, error) => failed(error));
  return {
    // Jobs under way are not waited for: the tasks they name are found again by the next start.
    close: async () => await patiently(async () => await consumer.close(true), failed),
  };
}

/** Runs `sweep` every `everySeconds`, once however many processes take part. */
export async function scheduleSweeps(
  redis: Redis,
  options: { readonly prefix: string; readonly everySeconds: number },
  sweep: () => Promise<void>,
  failed: (error: Error) => void,
): Promise<{ close(): Promise<void> }> {
  const queue = new Queue('sweeps', {
    connection: redis,
    prefix: queuePrefix(options.prefix),
    streams: { events: { maxLen: 10 } },
  });
  const consumer = new QueueWorker('sweeps', async () => await sweep(), {
    connection: redis,
    prefix: queuePrefix(options.prefix),
    ...sharedJobs,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 10 },
  });
  queue.on('error', failed);
  consumer.on('error', failed);
  consumer.on('failed', (_job, error) => failed(error));
  await queue.upsertJobScheduler('sweep', { every: options.everySeconds * 1000 });
  return {
    close: async () =>
      await patiently(async () => {
        // A sweep under way is repeated by the next one.
        await consumer.close(true);
        await queue.close();
      }, failed),
  };
}
