/**
 * A container's health, by the definition's check alone (an image's own HEALTHCHECK does not count). Rules are those
 * of the engine that ECS uses: the first check comes an interval after the start, the next an interval after the last
 * one ended; so many failures one after another are UNHEALTHY; failures that began in the start period do not count
 * until a check has passed.
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html)
 */
import type { HealthCheck } from '@aws-sdk/client-ecs';
import type { HealthStatus, Millis } from '../core/task.ts';
import { type ContainerHandle, DriverError, type ExecSession } from '../runtime/driver.ts';
import { withContainer } from './recorder.ts';
import type { RunningTask } from './task-runner.ts';

export interface Health {
  readonly status: HealthStatus;
  /** Failures that counted since the last success. */
  readonly failures: number;
}

/** What a check's outcome makes of the health so far. Pure. */
export function afterCheck(
  health: Health,
  check: HealthCheck,
  outcome: { readonly passed: boolean; readonly sinceStart: Millis },
): Health {
  if (outcome.passed) return { status: 'HEALTHY', failures: 0 };
  const starting = health.status === 'UNKNOWN' && outcome.sinceStart < (check.startPeriod ?? 0) * 1000;
  if (starting) return health;
  const failures = health.failures + 1;
  return { status: failures >= (check.retries ?? 3) ? 'UNHEALTHY' : health.status, failures };
}

/** What is run in the container. */
export function checkCommand({ command = [] }: HealthCheck): readonly string[] {
  const [kind, ...words] = command;
  return kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...words] : words;
}

/** Checks one run of a container until `ended` fires; changes of its health are recorded. */
export async function watchHealth(
  task: RunningTask,
  check: HealthCheck,
  handle: ContainerHandle,
  ended: AbortSignal,
): Promise<void> {
  const { clock } = task.context;
  const { name } = handle;
  const facts = task.recorder.task.observed.containers[name];
  const startedAt = facts?.lastRestartAt ?? facts?.startedAt ?? clock();
  const interval = (check.interval ?? 30) * 1000;
  let health: Health = { status: facts?.health ?? 'UNKNOWN', failures: 0 };
  // A worker that takes a container back keeps its rhythm.
  let wait = interval - (Math.max(0, clock() - startedAt) % interval);
  for (;;) {
    await passed(task, wait, ended);
    wait = interval;
    if (ended.aborted) return;
    const sinceStart = clock() - startedAt;
    const passes = await runCheck(task, check, handle, ended);
    if (ended.aborted) return;
    if (passes === 'unknown') continue;
    const before = health.status;
    health = afterCheck(health, check, { passed: passes, sinceStart });
    if (health.status === before) continue;
    const { status } = health;
    task.log.info({ container: name, health: status }, 'health changed');
    await task.recorder.record((observed) =>
      ended.aborted || observed.containers[name]?.finishedAt !== undefined
        ? observed
        : withContainer(observed, name, { health: status }),
    );
  }
}

/** `unknown`: the engine was away, which says nothing of the container. */
async function runCheck(
  task: RunningTask,
  check: HealthCheck,
  handle: ContainerHandle,
  ended: AbortSignal,
): Promise<boolean | 'unknown'> {
  const over = new AbortController();
  let session: ExecSession | undefined;
  const probe = async (): Promise<boolean> => {
    session = await task.context.driver.exec(handle, { command: checkCommand(check), tty: false });
    if (over.signal.aborted) await letGo(task, session);
    // Nobody reads what it says, but it must be taken for the command to go on.
    for await (const _ of session.output);
    return (await session.wait()).exitCode === 0;
  };
  const running = probe();
  running.catch(() => {}); // told below, or no longer of interest
  try {
    const limit = passed(task, (check.timeout ?? 5) * 1000, AbortSignal.any([ended, over.signal]));
    const outcome = await Promise.race([running, limit]);
    if (outcome !== undefined) return outcome;
    over.abort();
    if (session) await letGo(task, session);
    return false;
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    return error.kind === 'engine' ? 'unknown' : false;
  } finally {
    over.abort();
  }
}

async function letGo(task: RunningTask, session: ExecSession): Promise<void> {
  try {
    await session.kill();
  } catch (error) {
    task.log.debug({ err: error }, 'a health check that hangs could not be ended');
  }
}

/** Resolves after so long, or when `signal` fires. */
function passed(task: RunningTask, milliseconds: number, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve(undefined);
    };
    const cancel = task.context.after(milliseconds, done);
    signal.addEventListener('abort', done);
  });
}
