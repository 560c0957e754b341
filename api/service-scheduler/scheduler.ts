/** The service scheduler of one process: it follows what happens to tasks, and looks at services one job at a time. */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { consumeServiceJobs } from '../../core/service-queue.ts';
import { shareStateChanges } from '../../core/store/events.ts';
import type { SchedulerDeps } from './deps.ts';
import { callHook } from './hook.ts';
import { lookAtService } from './look.ts';

/** Services that are looked at at once. */
const concurrency = 20;
/** Services that one sweep wakes at most. */
const mostSwept = 10_000;
/** Services that are let out of the line for capacity for each task that ended. */
const triedForEach = 2;

export interface SchedulerConnections {
  /** For BullMQ: waits for Redis however long it takes. */
  readonly jobs: Redis;
  /** A connection of its own: it waits in Redis for what happens. Closed with the scheduler. */
  readonly events: Redis;
  readonly prefix: string;
}

export async function startServiceScheduler(
  deps: SchedulerDeps,
  { jobs, events, prefix }: SchedulerConnections,
): Promise<{ close(): Promise<void> }> {
  const { store, queue, clock, log } = deps;
  const failed = (error: unknown) => log.warn({ err: error }, 'looking at a service failed');
  const closing = new AbortController();

  async function follow(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        const follower = { group: 'services', follower: randomUUID() };
        for await (const changes of shareStateChanges(events, prefix, follower, closing.signal)) {
          for (const service of new Set(changes.flatMap((change) => change.service ?? []))) queue.wake(service);
          const ended = changes.filter(({ lastStatus }) => lastStatus === 'STOPPED').length;
          if (ended > 0)
            for (const service of await store.services.takeWaiting(ended * triedForEach)) queue.wake(service);
        }
      } catch (error) {
        // The sweep finds what was missed.
        if (closing.signal.aborted) return;
        failed(error);
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    }
  }

  async function sweep(): Promise<void> {
    for (const service of await store.services.due(clock(), mostSwept)) queue.wake(service);
  }

  const consumer = await consumeServiceJobs(
    jobs,
    { prefix, concurrency },
    {
      look: (service) => lookAtService(deps, service),
      call: (service, hook) => callHook(deps, service, hook),
      wake: queue.wake,
      sweep,
    },
    failed,
  );
  const following = follow();
  await sweep();
  return {
    async close() {
      closing.abort();
      await consumer.close();
      await following;
    },
  };
}
