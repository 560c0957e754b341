/** A started container until its last end: its health is checked, and its restart policy may start it again. */
import { stopDecision } from '../core/lifecycle.ts';
import { type ContainerExit, type ContainerHandle, DriverError } from '../runtime/driver.ts';
import { failureReason } from './failure.ts';
import { watchHealth } from './health-check.ts';
import { ClosingError, persistently } from './persistence.ts';
import { withContainer } from './recorder.ts';
import { isRestartDue, restartFacts, restarts } from './restart-policy.ts';
import type { RunningTask } from './task-runner.ts';

/** The runtime cannot tell how a container ended. */
class LostContainerError extends Error {
  override readonly name = 'LostContainerError';
}

export interface WatchedContainer {
  readonly handle: ContainerHandle;
  /** Its end is on record. */
  readonly ended: Promise<void>;
  /** No restart is under way: what stops the container now stops it for good, once the task is to stop. */
  settled(): Promise<void>;
}

export function watchContainer(task: RunningTask, name: string, handle: ContainerHandle): WatchedContainer {
  let restarting: Promise<unknown> = Promise.resolve();

  async function watch(): Promise<void> {
    for (;;) {
      const exit = await oneRun(task, name, handle);
      const restart = startAgain(task, name, handle, exit);
      restarting = restart.catch(() => {});
      const result = await restart;
      if (result === 'restarted') task.output?.again(name);
      else return await end(result === 'ended' ? exit : { ...exit, reason: result.reason });
    }
  }

  async function end(exit: Parameters<RunningTask['exited']>[1]): Promise<void> {
    task.output?.finish(name);
    await task.exited(name, exit);
  }

  const ended = watch().catch(async (error: unknown) => {
    if (task.context.closing.aborted) throw new ClosingError('The worker is closing.');
    if (!(error instanceof LostContainerError)) throw error;
    task.log.error({ err: error, container: name }, 'lost sight of a container');
    await end({ reason: `CannotInspectContainerError: ${error.message}` });
  });
  return {
    handle,
    ended,
    settled: async () => {
      await restarting;
    },
  };
}

/** Resolves with the end of the run that is under way. */
async function oneRun(task: RunningTask, name: string, handle: ContainerHandle): Promise<ContainerExit> {
  const { driver, closing } = task.context;
  const check = task.containers.find((container) => container.name === name)?.healthCheck;
  const ended = new AbortController();
  if (check) {
    // A task that is to stop is not checked any more: what its containers answer then says nothing.
    const over = AbortSignal.any([ended.signal, task.stopping, closing]);
    watchHealth(task, check, handle, over).catch((error: unknown) => {
      if (!over.aborted) task.log.error({ err: error, container: name }, 'health checks ended');
    });
  }
  try {
    return await driver.waitContainer(handle, closing);
  } catch (error) {
    throw new LostContainerError((error as Error).message, { cause: error });
  } finally {
    ended.abort();
  }
}

/** The restart is recorded before it is made: a worker that finds the record without the restart makes it. */
async function startAgain(
  task: RunningTask,
  name: string,
  handle: ContainerHandle,
  exit: ContainerExit,
): Promise<'restarted' | 'ended' | { readonly reason: string }> {
  const policy = task.containers.find((container) => container.name === name)?.restartPolicy;
  if (!policy?.enabled || task.stopping.aborted) return 'ended';
  const { driver, clock, closing } = task.context;
  let due = false;
  await task.recorder.record((observed, newest) => {
    const facts = observed.containers[name] ?? {};
    const recorded = isRestartDue(facts, exit);
    due = stopDecision(newest) === undefined && (recorded || restarts(policy, facts, exit));
    return due && !recorded ? withContainer(observed, name, restartFacts(facts, exit, clock())) : observed;
  });
  if (!due || task.stopping.aborted) return 'ended';
  task.log.info({ container: name, exitCode: exit.exitCode }, 'starting a container again');
  try {
    await persistently(
      async () => await driver.startContainer(handle, { again: true }),
      closing,
      (error) => !(error instanceof DriverError && error.kind === 'engine'),
      (error) => task.log.warn({ err: error, container: name }, 'could not start a container again; trying again'),
    );
    return 'restarted';
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    return { reason: failureReason('start', error) };
  }
}
