/**
 * Services are looked at through one BullMQ queue. A job carries no state: it names a service. One service's jobs run
 * one at a time, whatever the number of processes; a job asked for while one runs comes right after it.
 */
import { Queue, Worker as QueueWorker } from 'bullmq';
import type { Redis } from 'ioredis';
import { patiently } from './patiently.ts';
import { queuePrefix, sharedJobs } from './queue.ts';
import type { ServiceKey } from './service/service.ts';
import type { Millis } from './task.ts';

const name = 'services';
/** Hooks have a queue of their own: a target may take minutes. */
const hooksName = 'service-hooks';
const hookConcurrency = 200;
/** Timers further off than this are left to the sweep. */
const soon = 60_000;
const sweepEvery = 10_000;

type Job = { readonly kind: 'look' | 'timer'; readonly service: ServiceKey } | { readonly kind: 'sweep' };

interface HookJob {
  readonly service: ServiceKey;
  readonly hook: string;
}

export interface ServiceQueue {
  /** Does not wait: that the service needs a look is already recorded. */
  readonly wake: (service: ServiceKey) => void;
  /** Wakes a service at a time, which is already recorded too. */
  readonly wakeAt: (service: ServiceKey, at: Millis, now: Millis) => void;
  /** Has a lifecycle hook's target called. */
  readonly call: (service: ServiceKey, hook: string) => void;
  close(): Promise<void>;
}

export function createServiceQueue(redis: Redis, prefix: string, failed: (error: Error) => void): ServiceQueue {
  const options = {
    connection: redis,
    prefix: queuePrefix(prefix),
    streams: { events: { maxLen: 10 } },
    defaultJobOptions: { removeOnComplete: true, removeOnFail: { count: 100 } },
  };
  const queue = new Queue<Job>(name, options);
  const hooks = new Queue<HookJob>(hooksName, options);
  for (const each of [queue, hooks]) each.on('error', failed);
  const underWay = new Set<Promise<unknown>>();
  const note = (adding: Promise<unknown>) => {
    const added = adding.catch(failed).finally(() => underWay.delete(added));
    underWay.add(added);
  };
  return {
    wake: (service) =>
      note(
        queue.add(
          'look',
          { kind: 'look', service },
          { deduplication: { id: `look-${service}`, keepLastIfActive: true } },
        ),
      ),
    wakeAt: (service, at, now) => {
      if (at - now > soon) return;
      const delay = Math.max(0, at - now);
      const deduplication = { id: `timer-${service}`, replace: true };
      note(queue.add('timer', { kind: 'timer', service }, { delay, deduplication }));
    },
    call: (service, hook) => note(hooks.add('call', { service, hook }, { deduplication: { id: `call-${hook}` } })),
    close: async () =>
      await patiently(async () => {
        await Promise.allSettled(underWay);
        await Promise.all([queue.close(), hooks.close()]);
      }, failed),
  };
}

export interface ServiceJobs {
  readonly look: (service: ServiceKey) => Promise<void>;
  readonly wake: (service: ServiceKey) => void;
  readonly call: (service: ServiceKey, hook: string) => Promise<void>;
  /** Wakes what needs a look and was not woken. */
  readonly sweep: () => Promise<void>;
}

export async function consumeServiceJobs(
  redis: Redis,
  { prefix, concurrency }: { readonly prefix: string; readonly concurrency: number },
  jobs: ServiceJobs,
  failed: (error: Error) => void,
): Promise<{ close(): Promise<void> }> {
  const connection = { connection: redis, prefix: queuePrefix(prefix) };
  const options = {
    ...connection,
    drainDelay: 60,
    ...sharedJobs,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 100 },
  };
  const consumer = new QueueWorker<Job>(
    name,
    async ({ data }) => {
      if (data.kind === 'sweep') await jobs.sweep();
      else if (data.kind === 'timer') jobs.wake(data.service);
      else await jobs.look(data.service);
    },
    { ...options, concurrency },
  );
  const caller = new QueueWorker<HookJob>(hooksName, async ({ data }) => await jobs.call(data.service, data.hook), {
    ...options,
    concurrency: hookConcurrency,
  });
  for (const each of [consumer, caller]) {
    each.on('error', failed);
    each.on('failed', (_job, error) => failed(error));
  }
  const scheduler = new Queue(name, { ...connection, streams: { events: { maxLen: 10 } } });
  scheduler.on('error', failed);
  await scheduler.upsertJobScheduler('sweep', { every: sweepEvery }, { name: 'sweep', data: { kind: 'sweep' } });
  return {
    close: async () =>
      await patiently(async () => {
        await Promise.all([consumer.close(true), caller.close(true)]);
        await scheduler.close();
      }, failed),
  };
}
