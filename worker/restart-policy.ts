/**
 * restartPolicy: a container that ended is started again in its place.
 * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html)
 */
import type { ContainerRestartPolicy } from '@aws-sdk/client-ecs';
import type { Millis, ObservedContainer } from '../core/task.ts';
import type { ContainerExit } from '../runtime/driver.ts';

/** Seconds that a container must have run before it is started again, when the policy names none. */
const defaultAttemptPeriod = 300;

/** True when the policy has the container started again after this end. */
export function restarts(
  policy: ContainerRestartPolicy | undefined,
  { startedAt, lastRestartAt }: ObservedContainer,
  { exitCode, finishedAt, error }: ContainerExit,
): boolean {
  if (!policy?.enabled || error !== undefined || policy.ignoredExitCodes?.includes(exitCode)) return false;
  const since = lastRestartAt ?? startedAt;
  return since !== undefined && finishedAt - since >= (policy.restartAttemptPeriod ?? defaultAttemptPeriod) * 1000;
}

/** True when a restart after this end is recorded and was not made: its worker died in between. */
export function isRestartDue({ restartedAfter }: ObservedContainer, { finishedAt }: ContainerExit): boolean {
  return restartedAfter !== undefined && finishedAt <= restartedAfter;
}

/** The record of a restart, written before it is made, so that it is made once. */
export function restartFacts(facts: ObservedContainer, exit: ContainerExit, now: Millis): ObservedContainer {
  return {
    restartCount: (facts.restartCount ?? 0) + 1,
    lastRestartAt: now,
    restartedAfter: exit.finishedAt,
    // Its checks begin anew.
    ...(facts.health === undefined ? {} : { health: 'UNKNOWN' }),
  };
}
