/** Tells when tasks reach a status, from the stream of state changes: nothing is polled, so nothing is disturbed. */
import type { Redis } from 'ioredis';
import type { LastStatus } from '../../core/lifecycle.ts';
import { followStateChanges } from '../../core/store/events.ts';
import { parseTaskKey } from '../../core/task.ts';

export interface StatusWatch {
  /**
   * When the task reached the status, on this process's performance.now().
   * @throws Error when it stopped and never ran
   */
  reached(taskId: string, status: 'RUNNING' | 'STOPPED'): Promise<number>;
  /** Tasks that reached RUNNING so far. */
  readonly running: number;
  /** Resolves with the time at which that many more had reached RUNNING. */
  countedTo(running: number): Promise<number>;
  close(): void;
}

interface Waiter {
  resolve(at: number): void;
  reject(error: Error): void;
}

/** @param redis a connection for this watch alone */
export async function watchStatus(redis: Redis, prefix: string): Promise<StatusWatch> {
  const seen = new Map<string, number>();
  const waiting = new Map<string, Waiter>();
  let counting: ({ readonly to: number } & Waiter) | undefined;
  let running = 0;
  /** Why nothing more will be seen. */
  let lost: Error | undefined;
  const abort = new AbortController();
  // From the present end on, so that nothing is missed between now and the first wait.
  const [last] = await redis.xrevrange(`${prefix}:events`, '+', '-', 'COUNT', 1);

  const note = (taskId: string, status: LastStatus) => {
    if (status !== 'RUNNING' && status !== 'STOPPED') return;
    const key = `${taskId} ${status}`;
    if (seen.has(key)) return;
    const now = performance.now();
    seen.set(key, now);
    waiting.get(key)?.resolve(now);
    waiting.delete(key);
    if (status === 'STOPPED') {
      waiting.get(`${taskId} RUNNING`)?.reject(new Error(`Task ${taskId} stopped before it ran.`));
      return;
    }
    running += 1;
    if (counting && running >= counting.to) counting.resolve(now);
  };
  const follow = async () => {
    for await (const { change } of followStateChanges(redis, prefix, last?.[0] ?? '0', abort.signal))
      note(parseTaskKey(change.key).taskId, change.lastStatus);
  };
  follow().catch((error: unknown) => {
    lost = error instanceof Error ? error : new Error(String(error));
    for (const { reject } of [...waiting.values(), ...(counting ? [counting] : [])]) reject(lost);
  });

  return {
    async reached(taskId, status) {
      const known = seen.get(`${taskId} ${status}`);
      if (known !== undefined) return known;
      if (lost) throw lost;
      if (seen.has(`${taskId} STOPPED`)) throw new Error(`Task ${taskId} stopped before it ran.`);
      return await new Promise((resolve, reject) => waiting.set(`${taskId} ${status}`, { resolve, reject }));
    },
    get running() {
      return running;
    },
    async countedTo(to) {
      if (running >= to) return performance.now();
      if (lost) throw lost;
      return await new Promise((resolve, reject) => {
        counting = { to, resolve, reject };
      });
    },
    close: () => abort.abort(),
  };
}
