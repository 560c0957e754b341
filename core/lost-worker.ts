/** What becomes of the tasks of a worker that does not come back: they are over, and their capacity is free. */
import { FencedError } from './errors.ts';
import { lastStatus, stopDecision } from './lifecycle.ts';
import type { Store } from './store/store.ts';
import { type Millis, type Observed, parseTaskKey, type Task } from './task.ts';
import { lostInstance } from './worker.ts';

/** ECS's words, without the host that Fargate never shows: `Host EC2 (instance i-…) terminated.` */
const reason = 'Host terminated.';

/**
 * Should the worker come back in the middle, it keeps what it still has; for the rest it finds that the tasks have
 * stopped and removes their containers.
 * @param times milliseconds; see WorkerStore.claimLost
 */
export async function stopTasksOfLostWorkers(
  store: Store,
  times: { readonly lostAfter: number; readonly longestStep: number },
  now: Millis,
): Promise<void> {
  for (const name of await store.workers.claimLost(times.lostAfter, times.longestStep)) {
    for (const key of await store.workers.tasks(name)) {
      const { taskId, ...scope } = parseTaskKey(key);
      const [task] = await store.tasks.get(scope, [taskId]);
      if (task && !(await stopLost(store, task, now))) break;
    }
  }
}

/** false: the worker is back. */
async function stopLost(store: Store, task: Task, now: Millis): Promise<boolean> {
  try {
    await store.tasks.observe(task, lostInstance, (newest) => lostAt(newest, now));
    return true;
  } catch (error) {
    if (error instanceof FencedError) return false;
    throw error;
  }
}

/** What can be said of a task whose host is gone; how its containers ended, nobody knows. Pure. */
export function lostAt(task: Task, now: Millis): Observed | undefined {
  if (lastStatus(task) === 'STOPPED') return undefined;
  const { observed } = task;
  return {
    ...observed,
    ...(stopDecision(task) ? {} : { stop: { code: 'TerminationNotice', reason, at: now } }),
    stoppingAt: observed.stoppingAt ?? now,
    stoppedAt: now,
  };
}
