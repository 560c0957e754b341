/** Killing one container, and removing it for good. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerHandle } from '../driver.ts';
import type { Context } from './context.ts';
import { failure, statusOf } from './engine.ts';

/** Seconds that the engine may take to kill a container before its processes are killed one by one. */
const killPatience = 1;

/**
 * The engine kills a container's first process, which hears of it late among thousands on a share of a core. Helps when
 * the kill, due in `seconds`, takes long; what it returns calls that off.
 */
export function hurry(
  { cgroups, log }: Pick<Context, 'cgroups' | 'log'>,
  { sandboxId, id }: Pick<ContainerHandle, 'sandboxId' | 'id'>,
  seconds: number,
): () => void {
  const timer = setTimeout(
    () => {
      cgroups
        .end(sandboxId, id)
        .catch((error: unknown) => log.warn({ error }, 'a container could not be helped to end'));
    },
    (seconds + killPatience) * 1000,
  );
  return () => clearTimeout(timer);
}

/**
 * Kills it when it runs; what is absent is a success. `idOrName` must be ours, an id where `sandboxId` is given.
 * @throws DriverError kind engine
 */
export async function removeContainerById(
  context: Pick<Context, 'engine' | 'cgroups' | 'log'>,
  idOrName: string,
  sandboxId?: string,
): Promise<void> {
  const hurried = sandboxId === undefined ? () => {} : hurry(context, { sandboxId, id: idOrName }, 0);
  try {
    await persist(context, idOrName);
  } finally {
    hurried();
  }
}

async function persist({ engine }: Pick<Context, 'engine'>, idOrName: string): Promise<void> {
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
