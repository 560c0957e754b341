/** From the decision to stop to STOPPED: containers, network, record. */
import { DriverError } from '../runtime/driver.ts';
import { dependentsOf } from './dependencies.ts';
import { isRouter } from './output/firelens.ts';
import { ClosingError, persistently } from './persistence.ts';
import type { RunningTask } from './task-runner.ts';

/** Fargate's seconds between the stop signal and SIGKILL when the definition names none. */
const defaultStopTimeout = 30;
/** Seconds; Fargate gives no container longer. */
const longestStopTimeout = 120;

export async function shutDown(task: RunningTask): Promise<void> {
  const { context, recorder } = task;
  const stamp = async (
    ...facts: readonly ('stoppingAt' | 'executionStoppedAt' | 'deprovisioningAt' | 'stoppedAt')[]
  ) => {
    const now = context.clock();
    const stamps = Object.fromEntries(facts.map((fact) => [fact, now]));
    await recorder.record((observed) => ({ ...stamps, ...observed }));
  };
  await stamp('stoppingAt');
  await stopInOrder(task);
  // Exits that were seen while the last ones stopped are on record before the task's end is.
  await Promise.all([...task.started.values()].map(({ ended }) => ended));
  await task.output?.drained();
  if (context.closing.aborted) throw new ClosingError('The worker is closing.');
  // As the ECS agent: a container that never ran has ended once its task is over.
  const reachedHost = recorder.task.observed.connectivityAt !== undefined;
  await stamp('deprovisioningAt', ...(reachedHost ? (['executionStoppedAt'] as const) : []));
  await untilDone(task, async () => await context.driver.removeSandbox(recorder.task.spec.taskId));
  await task.output?.forget();
  await stamp('stoppedAt');
}

/** A container stops only after all that depend on it have stopped; those that have nothing to do with each other stop together. */
async function stopInOrder(task: RunningTask): Promise<void> {
  const stops = new Map<string, Promise<void>>();
  const stopped = (name: string): Promise<void> => {
    const known = stops.get(name);
    if (known) return known;
    const stop = Promise.all(dependentsOf(name, task.containers).map(stopped)).then(
      async () => await stopContainer(task, name),
    );
    stops.set(name, stop);
    return stop;
  };
  await Promise.all(task.containers.map(async ({ name = '' }) => await stopped(name)));
}

async function stopContainer(
  { containers, started, context, recorder, output, log }: RunningTask,
  name: string,
): Promise<void> {
  const container = started.get(name);
  if (!container) return;
  await container.settled();
  await output?.release(name);
  // A log router stops only after it has what others wrote.
  if (containers.some((each) => each.name === name && isRouter(each))) await output?.routed();
  if (recorder.task.observed.containers[name]?.finishedAt !== undefined) return;
  const given = containers.find((each) => each.name === name)?.stopTimeout ?? defaultStopTimeout;
  await untilDone(
    { context, log },
    async () => await context.driver.stopContainer(container.handle, Math.min(given, longestStopTimeout)),
  );
  await container.ended;
}

/** Stopping and removing are repeated until they succeed: giving up would leave something behind. */
async function untilDone(task: Pick<RunningTask, 'context' | 'log'>, action: () => Promise<void>): Promise<void> {
  await persistently(
    action,
    task.context.closing,
    (error) => error instanceof DriverError && error.kind === 'not-found',
    (error) => task.log.warn({ err: error }, 'could not stop or remove; trying again'),
  );
}
