/** How much of their ephemeral storage tasks use: found out when somebody asks, and not again for a while. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import type { Driver } from '../../runtime/driver.ts';
import type { RunningTask } from '../task-runner.ts';

export interface StorageReadings {
  /** Bytes, up to half a minute old; undefined: not known (yet). */
  of(task: RunningTask): Promise<number | undefined>;
}

/** Milliseconds: to find it out may take a walk through all files. */
const lastsFor = 30_000;
/** Milliseconds that an answer waits for the first reading. */
const patience = 2000;

export function createStorageReadings(driver: Pick<Driver, 'storageUsed'>, clock: Clock): StorageReadings {
  const known = new WeakMap<RunningTask, { readonly at: number; readonly bytes: number }>();
  const pending = new WeakMap<RunningTask, Promise<void>>();

  async function read(task: RunningTask): Promise<void> {
    const [first] = task.started.values();
    if (!first) return;
    try {
      known.set(task, { at: clock(), bytes: await driver.storageUsed(first.handle.sandboxId) });
    } catch (error) {
      task.log.debug({ err: error }, 'what a task uses of its disk is not known');
    }
  }

  return {
    async of(task) {
      const last = known.get(task);
      if (last && clock() - last.at < lastsFor) return last.bytes;
      const reading = pending.get(task) ?? read(task).finally(() => pending.delete(task));
      pending.set(task, reading);
      // An older figure is better than a late one.
      if (!last) await Promise.race([reading, delay(patience, undefined, { ref: false })]);
      return known.get(task)?.bytes;
    },
  };
}
