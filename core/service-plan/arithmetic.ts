/** The numbers of the service scheduler, rounded as ECS rounds them. Pure. */
import type { DeploymentCircuitBreaker } from '@aws-sdk/client-ecs';
import type { Millis } from '../task.ts';

/** Healthy tasks that must stay: rounded up. */
export function leastHealthy(desiredCount: number, minimumHealthyPercent: number): number {
  return Math.ceil((desiredCount * minimumHealthyPercent) / 100);
}

/** Tasks that may be RUNNING, PENDING or STOPPING at once: rounded down. */
export function mostTasks(desiredCount: number, maximumPercent: number): number {
  return Math.floor((desiredCount * maximumPercent) / 100);
}

/**
 * Failures at which a deployment fails: half of the desired count, from 3 to 200, unless configured otherwise.
 * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html)
 */
export function breakerThreshold(desiredCount: number, breaker: DeploymentCircuitBreaker | undefined): number {
  const { type = 'BOUNDED_PERCENT', value = 50 } = breaker?.thresholdConfiguration ?? {};
  if (type === 'COUNT') return Math.max(1, value);
  const share = Math.ceil((desiredCount * value) / 100);
  return type === 'UNBOUNDED_PERCENT' ? Math.max(1, share) : Math.min(200, Math.max(3, share));
}

const second = 1000;
/** ECS waits up to 27 minutes between attempts (service-throttle-logic). */
const longestPause = 27 * 60 * second;
/** A task that did run is not throttled by ECS; here it must not be started over and over within milliseconds either. */
const longestPauseAfterRunning = 10 * second;
const longestPauseForCapacity = 60 * second;

/** Before the next attempt, when so many in a row did not reach RUNNING. */
export function pauseAfterFailedStart(attempts: number): Millis {
  return doubling(attempts, longestPause);
}

/** Before the next attempt, when so many in a row ended soon after they were RUNNING. */
export function pauseAfterEarlyEnd(attempts: number): Millis {
  return doubling(attempts, longestPauseAfterRunning);
}

/** Before placement is tried again, unless capacity is freed sooner. */
export function pauseForCapacity(attempts: number): Millis {
  return doubling(attempts, longestPauseForCapacity);
}

function doubling(attempts: number, most: Millis): Millis {
  return Math.min(most, second * 2 ** Math.max(0, attempts - 1));
}
