/** From the decision to stop to STOPPED: containers, network, record. */
import { DriverError } from '../runtime/driver.ts';
import { persistently } from './persistence.ts';
import type { RunningTask } from './task-runner.ts';

/** Fargate's seconds between the stop signal and SIGKILL when the definition names none. */
const defaultStopTimeout = 30;

export async function shutDown(task: RunningTask): Promise<void> {
  const { context, recorder } = task;
  const stamp = async (fact: 'stoppingAt' | 'deprovisioningAt' | 'stoppedAt') => {
    const now = context.clock();
    await recorder.record((observed) => ({ ...observed, [fact]: observed[fact] ?? now }));
  };
  await stamp('stoppingAt');
  await Promise.all(
    task.containers.map(async ({ name = '', stopTimeout = defaultStopTimeout }) => {
      const container = task.started.get(name);
      if (!container || recorder.task.observed.containers[name]?.finishedAt !== undefined) return;
      await untilDone(task, async () => await context.driver.stopContainer(container.handle, stopTimeout));
      await container.ended;
    }),
  );
  // Exits that were seen while the last ones stopped are on record before the task's end is.
  await Promise.all([...task.started.values()].map(({ ended }) => ended));
  await stamp('deprovisioningAt');
  await untilDone(task, async () => await context.driver.removeSandbox(recorder.task.spec.taskId));
  await stamp('stoppedAt');
}

/** Stopping and removing are repeated until they succeed: giving up would leave something behind. */
async function untilDone(task: RunningTask, action: () => Promise<void>): Promise<void> {
  await persistently(
    action,
    task.context.closing,
    (error) => error instanceof DriverError && error.kind === 'not-found',
    (error) => task.log.warn({ err: error }, 'could not stop or remove; trying again'),
  );
}
