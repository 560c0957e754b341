/** A running task as the metadata endpoint asks about it. */
import { setTimeout as delay } from 'node:timers/promises';
import { DriverError } from '../../runtime/driver.ts';
import type { TaskRoles } from '../task-role.ts';
import type { RunningTask } from '../task-runner.ts';
import type { Readings } from '../usage.ts';
import type { Subject } from './describe.ts';
import { type ProtectionNeeds, taskProtection } from './protection.ts';
import type { Asker } from './routes.ts';

export interface AskerNeeds {
  readonly network: Subject['network'];
  readonly roles: TaskRoles;
  /** Roles in our own account, whatever roles the task gets from elsewhere. */
  readonly ownRoles: TaskRoles;
  readonly endpoint: ProtectionNeeds['endpoint'];
  readonly readings: Readings;
}

/** Milliseconds that the record of a start is waited for. */
const recordPatience = 1000;

export function createAsker(task: RunningTask, needs: AskerNeeds): Asker {
  const { recorder, context } = task;
  return {
    async subject({ fresh = false } = {}) {
      if (fresh) await recorder.refresh();
      await firstStart(task);
      return { task: recorder.task, containers: task.containers, network: needs.network };
    },
    role: async (credentialsId) =>
      (await needs.roles.credentialsId(task)) === credentialsId ? await needs.roles.credentials(task) : undefined,
    failed: (error, what) => task.log.warn({ err: error }, what),
    async stats(container) {
      const watched = task.started.get(container);
      if (!watched || recorder.task.observed.containers[container]?.finishedAt !== undefined) return undefined;
      try {
        const now = await context.driver.stats(watched.handle);
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

/** Whoever asks runs already, though that may not be on record yet. */
async function firstStart({ recorder }: RunningTask): Promise<void> {
  const isRecorded = () =>
    Object.values(recorder.task.observed.containers).some(({ startedAt }) => startedAt !== undefined);
  const deadline = AbortSignal.timeout(recordPatience);
  while (!isRecorded() && !deadline.aborted) await Promise.race([recorder.changed(), delay(100)]);
}
