/** Removing one container for good. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from './context.ts';
import { failure, statusOf } from './engine.ts';

/** Kills it when it runs; what is absent is a success. `idOrName` must be ours. @throws DriverError kind engine */
export async function removeContainerById({ engine }: Pick<Context, 'engine'>, idOrName: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await engine.call((docker) => docker.getContainer(idOrName).remove({ force: true, v: true }));
      return;
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return;
      // 409: somebody else is removing it; 500: it died in the middle of being killed.
      if ((status !== 409 && status !== 500) || attempt >= 20) throw failure('engine', error);
      await delay(Math.min(25 * 2 ** attempt, 500));
    }
  }
}
