/** Gives up what is lost, and forgets what nobody may ask for any more, so that nothing stored grows without bound. */
import { stopTasksOfLostWorkers } from './lost-worker.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store/store.ts';
import type { Millis } from './task.ts';

/** Most things that are forgotten in one atomic step: Redis answers nobody else meanwhile. */
const batch = 200;
/** How long a definition shows DELETE_IN_PROGRESS at least, milliseconds. */
const definitionDeletion = 60_000;
/** How long a worker that holds no task may be away before its name and address range are free, milliseconds. */
const workerAbsence = 7 * 24 * 3600 * 1000;

/** Seconds between two sweeps. */
export function sweepInterval(settings: Pick<Settings, 'stoppedTaskRetention' | 'workerLostAfter'>): number {
  const oftenEnough = settings.workerLostAfter > 0 ? Math.max(1, Math.floor(settings.workerLostAfter / 5)) : 30;
  return Math.min(30, settings.stoppedTaskRetention, oftenEnough);
}

export async function sweep(
  store: Store,
  settings: Pick<Settings, 'stoppedTaskRetention' | 'workerLostAfter'>,
  now: Millis,
): Promise<void> {
  if (settings.workerLostAfter > 0) {
    const longestStep = 3 * sweepInterval(settings) * 1000;
    await stopTasksOfLostWorkers(store, { lostAfter: settings.workerLostAfter * 1000, longestStep }, now);
  }
  await untilFewer(async () => await store.tasks.purgeStopped(now - settings.stoppedTaskRetention * 1000, batch));
  await untilFewer(async () => await store.services.purgeInactive(now - settings.stoppedTaskRetention * 1000, batch));
  await untilFewer(async () => await store.taskDefinitions.purgeDeleted(now - definitionDeletion, batch));
  await store.workers.purgeAbandoned(now - workerAbsence);
}

async function untilFewer(purge: () => Promise<number>): Promise<void> {
  while ((await purge()) === batch);
}
