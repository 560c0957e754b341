/** Writes one task's facts, one after another, each on top of the newest state; waits out a Redis that is away. */
import { FencedError } from '../core/errors.ts';
import type { Store } from '../core/store/store.ts';
import type { Observed, ObservedContainer, Task } from '../core/task.ts';
import { persistently } from './persistence.ts';

export interface Recorder {
  /** The task as last read or written. */
  readonly task: Task;
  /** Adds facts; resolves when Redis has them. */
  record(change: (observed: Observed, task: Task) => Observed): Promise<void>;
  /** Resolves when `task` has changed since this call. */
  changed(): Promise<void>;
  /** Reads what is wanted now. */
  refresh(): Promise<Task>;
}

export function createRecorder(
  task: Task,
  options: {
    readonly store: Store;
    readonly instance: string;
    readonly closing: AbortSignal;
    readonly failed: (error: unknown) => void;
  },
): Recorder {
  const { store, instance, closing, failed } = options;
  let current = task;
  let waiting: Waiting[] = [];
  let writing = false;
  const listeners: (() => void)[] = [];

  async function write(): Promise<void> {
    writing = true;
    while (waiting.length > 0) {
      // What came while the last write was under way goes out together.
      const batch = waiting;
      waiting = [];
      const change = (newest: Task) =>
        batch.reduce((observed, { change: next }) => next(observed, { ...newest, observed }), newest.observed);
      try {
        const from = current;
        const written = await persistently(
          async () => await store.tasks.observe(from, instance, change),
          closing,
          isFinal,
          failed,
        );
        adopt(written);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    writing = false;
  }

  function adopt(newest: Task): Task {
    if (newest.revision < current.revision) return current;
    current = newest;
    for (const resolve of listeners.splice(0)) resolve();
    return current;
  }

  return {
    get task() {
      return current;
    },
    async record(change) {
      await new Promise<void>((resolve, reject) => {
        waiting.push({ change, resolve, reject });
        if (!writing) write();
      });
    },
    changed: () => new Promise((resolve) => listeners.push(resolve)),
    async refresh() {
      const { taskId } = current.spec;
      const [found] = await persistently(
        async () => await store.tasks.get(current.spec, [taskId]),
        closing,
        () => false,
        failed,
      );
      return found ? adopt(found) : current;
    },
  };
}

interface Waiting {
  readonly change: (observed: Observed, task: Task) => Observed;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function withContainer(observed: Observed, name: string, facts: ObservedContainer): Observed {
  return { ...observed, containers: { ...observed.containers, [name]: { ...observed.containers[name], ...facts } } };
}

/** Errors that no waiting mends. */
function isFinal(error: unknown): boolean {
  if (error instanceof FencedError) return true;
  return error instanceof Error && /no longer recorded|cannot go from|cannot be wanted again/.test(error.message);
}
