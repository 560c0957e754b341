/** All tasks of this worker: one runner each, from the first word of it to its end. */
import { lastStatus } from '../core/lifecycle.ts';
import { parseTaskKey, type StopDecision, type TaskKey } from '../core/task.ts';
import type { ContainerHandle, RecoveredSandbox } from '../runtime/driver.ts';
import { persistently } from './persistence.ts';
import { type RunnerContext, runTask, type TaskRunner } from './task-runner.ts';

export interface TaskRunners {
  /** Takes up a task that is new here, or has its runner look again. Resolves when the task is RUNNING or over. */
  look(key: TaskKey): Promise<void>;
  /** A started container of one of this worker's tasks. */
  handle(key: TaskKey, container: string): ContainerHandle | undefined;
  /** Goes on with the worker's tasks after a start, and removes what belongs to none. */
  recover(keys: readonly TaskKey[], found: readonly RecoveredSandbox[]): Promise<void>;
  /** Stops these tasks, known here or not yet; resolves when all are over. */
  stopAll(keys: readonly TaskKey[], decision: Omit<StopDecision, 'at'>): Promise<void>;
}

export function createTaskRunners(context: RunnerContext): TaskRunners {
  const runners = new Map<TaskKey, Promise<TaskRunner | undefined>>();
  const known = new Map<TaskKey, TaskRunner>();
  // Each task has a signal of its own: one that thousands listen to gets slower with each of them.
  const open = new Set<AbortController>();
  context.closing.addEventListener('abort', () => {
    for (const task of open) task.abort();
  });

  async function take(key: TaskKey, recovered: RecoveredSandbox | undefined): Promise<TaskRunner | undefined> {
    const { taskId, ...scope } = parseTaskKey(key);
    const [task] = await persistently(
      async () => await context.store.tasks.get(scope, [taskId]),
      context.closing,
      () => false,
    );
    if (!task || lastStatus(task) === 'STOPPED') {
      runners.delete(key);
      return undefined;
    }
    const closing = new AbortController();
    if (context.closing.aborted) closing.abort();
    open.add(closing);
    const runner = runTask({ ...context, closing: closing.signal }, task, recovered);
    known.set(key, runner);
    runner.ended.then(() => {
      known.delete(key);
      open.delete(closing);
      // While the worker closes, tasks are not over; a late job must not take one up again.
      if (!context.closing.aborted) runners.delete(key);
    });
    return runner;
  }

  function takeUp(key: TaskKey, recovered: RecoveredSandbox | undefined): Promise<TaskRunner | undefined> {
    const runner = take(key, recovered);
    runners.set(key, runner);
    runner.catch(() => runners.delete(key));
    return runner;
  }

  return {
    handle: (key, container) => known.get(key)?.handle(container),

    async look(key) {
      if (context.closing.aborted) return;
      const known = runners.get(key);
      const runner = await (known ?? takeUp(key, undefined));
      if (known) runner?.poke();
      else await runner?.launched;
    },

    async recover(keys, found) {
      const ours = new Map(keys.map((key) => [parseTaskKey(key).taskId, key]));
      const there = new Map(found.map((sandbox) => [ours.get(sandbox.id), sandbox]));
      await Promise.all([
        ...found
          .filter(({ id }) => !ours.has(id))
          .map(async ({ id }) => {
            context.log.warn({ sandbox: id }, 'removing a sandbox that belongs to no task');
            await context.driver.removeSandbox(id);
          }),
        ...keys.map(async (key) => {
          await takeUp(key, there.get(key) ?? nothing(key));
        }),
      ]);
    },

    async stopAll(keys, decision) {
      const all = await Promise.all(keys.map(async (key) => await (runners.get(key) ?? takeUp(key, undefined))));
      for (const runner of all) runner?.stop(decision);
      await Promise.all(all.map(async (runner) => await runner?.ended));
    },
  };
}

/** The runtime has nothing of a task that is recorded: what had run in it is gone. */
function nothing(key: TaskKey): RecoveredSandbox {
  return { sandbox: undefined, id: parseTaskKey(key).taskId, labels: {}, containers: [] };
}
