/** A running task as the metadata endpoint asks about it. */
import { setTimeout as delay } from 'node:timers/promises';
import { type ContainerStats, DriverError } from '../../runtime/driver.ts';
import type { TaskRoles } from '../task-role.ts';
import type { RunningTask } from '../task-runner.ts';
import type { Readings } from '../usage.ts';
import type { Subject } from './describe.ts';
import { type ProtectionNeeds, taskProtection } from './protection.ts';
import type { Asker } from './routes.ts';
import type { StorageReadings } from './storage.ts';

export interface AskerNeeds {
  readonly network: Subject['network'];
  readonly roles: TaskRoles;
  /** Roles in our own account, whatever roles the task gets from elsewhere. */
  readonly ownRoles: TaskRoles;
  readonly endpoint: ProtectionNeeds['endpoint'];
  readonly readings: Readings;
  readonly storage: StorageReadings;
}

/** Milliseconds that the record of a start is waited for. */
const recordPatience = 1000;

export function createAsker(task: RunningTask, needs: AskerNeeds): Asker {
  const { recorder, context } = task;
  return {
    async subject({ fresh = false, storage = false } = {}) {
      if (fresh) await recorder.refresh();
      await firstStart(task);
      return {
        task: recorder.task,
        containers: task.containers,
        network: needs.network,
        ...(storage && { storageUsed: await needs.storage.of(task) }),
      };
    },
    role: async (credentialsId) =>
      (await needs.roles.credentialsId(task)) === credentialsId ? await needs.roles.credentials(task) : undefined,
    failed: (error, what) => task.log.warn({ err: error }, what),
    async stats(container) {
      const watched = task.started.get(container);
      if (!watched || recorder.task.observed.containers[container]?.finishedAt !== undefined) return undefined;
      try {
        const now = withinTask(await context.driver.stats(watched.handle), recorder.task.spec.memory);
        const earlier = needs.readings.before(task, container);
        needs.readings.note(task, container, now);
        return { now, earlier };
      } catch (error) {
        // It ended, or the engine is away.
        if (error instanceof DriverError) return undefined;
        throw error;
      }
    },
    protection: async (body) => {
      const { spec } = recorder.task;
      const credentials = async () => await needs.ownRoles.credentials(task);
      return await taskProtection(spec, { endpoint: needs.endpoint, credentials }, body);
    },
  };
}

/** A container without a limit of its own has its task's, not its host's. @param memory MiB of the task */
function withinTask(stats: ContainerStats, memory: number): ContainerStats {
  return { ...stats, memoryLimitBytes: Math.min(stats.memoryLimitBytes ?? Number.POSITIVE_INFINITY, memory * 2 ** 20) };
}

/** Whoever asks runs already, though that may not be on record yet. */
async function firstStart({ recorder }: RunningTask): Promise<void> {
  const isRecorded = () =>
    Object.values(recorder.task.observed.containers).some(({ startedAt }) => startedAt !== undefined);
  const deadline = AbortSignal.timeout(recordPatience);
  while (!isRecorded() && !deadline.aborted) await Promise.race([recorder.changed(), delay(100)]);
}
