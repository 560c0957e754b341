/** `longshore interrupt`: what AWS does when it takes spot capacity back, on demand. */
import { systemClock } from '../core/clock.ts';
import { stopDecision } from '../core/lifecycle.ts';
import { createWaker } from '../core/queue.ts';
import { connectRedis } from '../core/redis.ts';
import { interrupted, spotProvider } from '../core/spot.ts';
import { createStore } from '../core/store/index.ts';
import { Failure } from './failure.ts';
import { noSuchTask, taskNamed } from './task-named.ts';

/** @throws Failure for what is no task on FARGATE_SPOT that could be interrupted */
export async function interrupt(
  redisUrl: string,
  prefix: string,
  arn: string,
  print: (text: string) => void,
): Promise<void> {
  const named = taskNamed(arn);
  const id = named.taskId;
  const redis = connectRedis(redisUrl, { patience: 3, name: 'longshore-interrupt' });
  redis.on('error', () => {}); // the command itself fails then
  // A job that could not be added is made good by the worker's heartbeat.
  const waker = createWaker(redis, prefix, () => {});
  try {
    const store = createStore(redis, { prefix, wake: waker.wake });
    let refusal: string | undefined;
    const task = await store.tasks.want(named, id, (current) => {
      refusal = undefined;
      if (current.spec.capacityProviderName !== spotProvider)
        refusal = `Task ${id} does not run on ${spotProvider}: only spot capacity is ever interrupted.`;
      else if (stopDecision(current)) refusal = `Task ${id} stops already: ${stopDecision(current)?.reason}`;
      return refusal === undefined ? interrupted(current, systemClock()) : undefined;
    });
    if (!task) throw noSuchTask(named);
    if (refusal !== undefined) throw new Failure(refusal);
    print(`Task ${id} is being interrupted: its containers get SIGTERM, then at most two minutes.`);
  } finally {
    await waker.close();
    redis.disconnect();
  }
}
