/** The worker's place among the workers: its name, kept by a heartbeat that also brings what jobs may have lost. */
import type { Logger } from 'pino';
import { FencedError } from '../core/errors.ts';
import { patiently } from '../core/patiently.ts';
import { isKnownDead } from '../core/process-identity.ts';
import type { Store } from '../core/store/store.ts';
import type { TaskKey } from '../core/task.ts';
import type { WorkerRegistration } from '../core/worker.ts';

/** Milliseconds between heartbeats: four fit into a lease. */
const heartbeatInterval = 2500;

export interface Registration {
  /** Begins the heartbeat; `changed` hears of tasks that were placed here or are wanted differently. */
  start(changed: (tasks: readonly TaskKey[]) => void): void;
  /** Gives the name up; tasks stay with it. */
  close(): Promise<void>;
}

/** @throws WorkerNameTakenError while another live process holds the name */
export async function registerWorker(
  store: Store,
  registration: WorkerRegistration,
  log: Logger,
  fenced: (error: FencedError) => void,
): Promise<Registration> {
  const { name, instance } = registration;
  await store.workers.register(registration, ({ process: holder }) => isKnownDead(holder));
  let position = 0;
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> = Promise.resolve();

  async function beat(changed: (tasks: readonly TaskKey[]) => void): Promise<void> {
    try {
      const answer = await store.workers.heartbeat(name, instance, position);
      position = answer.position;
      if (answer.changed.length > 0) changed(answer.changed);
    } catch (error) {
      if (error instanceof FencedError) fenced(error);
      else log.warn({ err: error }, 'a heartbeat was lost');
    }
  }

  return {
    start(changed) {
      const next = () => {
        beating = beat(changed).finally(() => {
          if (timer !== undefined) timer = setTimeout(next, heartbeatInterval);
        });
      };
      timer = setTimeout(next, 0);
    },
    async close() {
      clearTimeout(timer);
      timer = undefined;
      const release = async () => {
        await beating;
        await store.workers.release(name, instance);
      };
      // Where Redis is away, the name comes free when the lease ends, or when this process is seen to be gone.
      await patiently(release, (error) => {
        if (!(error instanceof FencedError)) log.warn({ err: error }, 'the worker name could not be given up');
      });
    },
  };
}
