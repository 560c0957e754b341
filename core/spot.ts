/** Spot capacity may be taken away: the task gets SIGTERM, and at most two minutes (stopTimeout) until SIGKILL. */
import { stopDecision } from './lifecycle.ts';
import type { Millis, Task, Wanted } from './task.ts';

export const spotProvider = 'FARGATE_SPOT';

/** undefined: the task does not run on spot capacity, or stops already. Pure. */
export function interrupted(task: Task, now: Millis): Wanted | undefined {
  if (task.spec.capacityProviderName !== spotProvider || stopDecision(task)) return undefined;
  return {
    ...task.wanted,
    stop: { code: 'SpotInterruption', reason: 'Your Spot Task was interrupted.', at: now },
  };
}
