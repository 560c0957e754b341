/** Closing what may wait for a Redis that is away. */

/** Milliseconds that closing waits. */
const closePatience = 2000;

/** Resolves in any case: what is left undone when Redis is away, other processes or the next start make good. */
export async function patiently(close: () => Promise<void>, failed: (error: Error) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, closePatience);
  });
  await Promise.race([close().catch(failed), enough]);
  clearTimeout(timer);
}
