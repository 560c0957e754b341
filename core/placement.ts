/** Which workers may take a task, best first. Pure: the reservation itself is the store's, and atomic. */
import type { Millis, TaskSpec } from './task.ts';
import type { Worker } from './worker.ts';

export type TaskNeeds = Pick<TaskSpec, 'cpu' | 'memory' | 'cpuArchitecture'> &
  Partial<Pick<TaskSpec, 'ephemeralStorageGiB' | 'runtime'>>;

/** True for workers that could run the task if they had the room. */
export function suits(task: Pick<TaskNeeds, 'cpuArchitecture' | 'runtime'>, worker: Worker): boolean {
  return (
    worker.cpuArchitecture === task.cpuArchitecture && (task.runtime === undefined || worker.runtime === task.runtime)
  );
}

export function fits(task: TaskNeeds, worker: Worker, now: Millis): boolean {
  return (
    worker.leaseUntil > now &&
    suits(task, worker) &&
    worker.cpu - worker.cpuUsed >= task.cpu &&
    worker.memory - worker.memoryUsed >= task.memory &&
    (worker.disk ?? Number.POSITIVE_INFINITY) - (worker.diskUsed ?? 0) >= (task.ephemeralStorageGiB ?? 0) &&
    worker.slots > worker.slotsUsed
  );
}

/** How long a worker whose lease ended is expected back, milliseconds: longer than its restart takes. */
const expectedBack = 30_000;

/** A worker that would take the task once it is back or has finished its start. */
export function mayCome(task: TaskNeeds, worker: Worker, now: Millis): boolean {
  const starts = worker.leaseUntil > now && worker.slots === 0;
  const away = worker.leaseUntil <= now && !worker.released && worker.leaseUntil > now - expectedBack;
  const back = {
    ...worker,
    leaseUntil: Number.POSITIVE_INFINITY,
    ...(worker.slots === 0 && { slots: worker.slotsUsed + 1 }),
  };
  return (starts || away) && fits(task, back, now);
}

/** Spreads: the worker with the largest free share of memory, then of CPU, comes first. Ties go by name. */
export function rankWorkers(
  task: TaskNeeds,
  workers: readonly Worker[],
  now: Millis,
  limit: number,
): readonly Worker[] {
  const best: Worker[] = [];
  for (const worker of workers) {
    if (!fits(task, worker, now)) continue;
    let at = best.length;
    while (at > 0 && precedes(worker, best[at - 1] as Worker)) at -= 1;
    if (at < limit) {
      best.splice(at, 0, worker);
      if (best.length > limit) best.pop();
    }
  }
  return best;
}

/** A worker's picture after it took a task. */
export function withTask(worker: Worker, { cpu, memory, ephemeralStorageGiB }: TaskNeeds): Worker {
  return {
    ...worker,
    cpuUsed: worker.cpuUsed + cpu,
    memoryUsed: worker.memoryUsed + memory,
    diskUsed: (worker.diskUsed ?? 0) + (ephemeralStorageGiB ?? 0),
    slotsUsed: worker.slotsUsed + 1,
  };
}

/**
 * For each task the workers that may take it, best first, as if each task before it had been given its best one.
 * Costs one look at every worker for each different size, however many tasks there are.
 * @param limit most workers for each task
 */
export function rankForAll(
  tasks: readonly TaskNeeds[],
  workers: readonly Worker[],
  now: Millis,
  limit: number,
): readonly (readonly Worker[])[] {
  const shortLists = new Map<string, readonly Worker[]>();
  const taken = new Map<string, Worker>();
  return tasks.map((task) => {
    const size = `${task.cpu} ${task.memory} ${task.ephemeralStorageGiB} ${task.cpuArchitecture} ${task.runtime}`;
    let shortList = shortLists.get(size);
    if (!shortList) {
      // Each task before this one moves one worker down at most, so the best ones for it are among these.
      shortList = rankWorkers(task, workers, now, limit + tasks.length);
      shortLists.set(size, shortList);
    }
    const newest = shortList.map((worker) => taken.get(worker.name) ?? worker);
    const ranked = rankWorkers(task, newest, now, limit);
    if (ranked[0]) taken.set(ranked[0].name, withTask(ranked[0], task));
    return ranked;
  });
}

function precedes(a: Worker, b: Worker): boolean {
  const memory = freeShare(a.memory, a.memoryUsed) - freeShare(b.memory, b.memoryUsed);
  if (memory !== 0) return memory > 0;
  const cpu = freeShare(a.cpu, a.cpuUsed) - freeShare(b.cpu, b.cpuUsed);
  return cpu !== 0 ? cpu > 0 : a.name < b.name;
}

function freeShare(total: number, used: number): number {
  return (total - used) / total;
}
