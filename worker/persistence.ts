/** Trying again while what is needed is away: Redis after a restart, an engine that is being replaced. */

/** The work was given up because the worker is closing. */
export class ClosingError extends Error {
  override readonly name = 'ClosingError';
}

/**
 * Calls `attempt` until it succeeds, waiting longer each time (100 ms to 3 s).
 * @throws what `attempt` threw when `isFinal` says that trying again is no use; ClosingError when `closing` fires
 */
export async function persistently<T>(
  attempt: () => Promise<T>,
  closing: AbortSignal,
  isFinal: (error: unknown) => boolean,
  failed: (error: unknown) => void = () => {},
): Promise<T> {
  for (let delay = 100; ; delay = Math.min(delay * 2, 3000)) {
    if (closing.aborted) throw new ClosingError('The worker is closing.');
    try {
      return await attempt();
    } catch (error) {
      if (isFinal(error)) throw error;
      failed(error);
    }
    await pause(delay, closing);
  }
}

/** Resolves after `milliseconds`, or at once when `signal` fires. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
