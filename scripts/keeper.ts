/** Keeps one child process running: starts it again when it ends, with a growing delay. */
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, sentenceOf } from './failure.ts';

export interface Running<StopOptions = void> {
  /** Resolves with how the process ended, for example `signal SIGKILL`. */
  readonly ended: Promise<string>;
  /** Resolves when it has ended. */
  stop(options: StopOptions): Promise<void>;
  kill(): void;
}

export interface Kept<StopOptions = void> {
  stop(options: StopOptions): Promise<void>;
  /** Ends it at once, for good. */
  kill(): void;
}

const shortestDelay = 100;
const longestDelay = 5_000;
/** Milliseconds after which a process counts as healthy again. */
const healthyAfter = 30_000;

/**
 * Resolves when the first launch did; rejects when it failed. Later launches are tried again for ever.
 * @param say gets a line about each end and each new start
 */
export async function keepRunning<StopOptions = void>(
  name: string,
  launch: () => Promise<Running<StopOptions>>,
  say: (line: string) => void,
): Promise<Kept<StopOptions>> {
  let running: Running<StopOptions> | undefined = await launch();
  const stopping = new AbortController();

  const launchAgain = async (delay: number): Promise<number> => {
    for (;;) {
      await sleep(delay, undefined, { signal: stopping.signal });
      delay = Math.min(delay * 2, longestDelay);
      try {
        running = await launch();
        say(`${name} runs again.`);
        return delay;
      } catch (error) {
        say(`${name} does not start: ${sentenceOf(error)} Trying again in ${delay / 1000} s.`);
      }
    }
  };
  const keep = async () => {
    let delay = shortestDelay;
    while (running !== undefined && !stopping.signal.aborted) {
      const since = Date.now();
      const end = await running.ended;
      if (stopping.signal.aborted) return;
      running = undefined;
      if (Date.now() - since > healthyAfter) delay = shortestDelay;
      say(`${name} ended (${end}); starting it again.`);
      delay = await launchAgain(delay);
    }
  };
  const kept = keep().catch((error) => {
    if (!hasCode(error, 'ABORT_ERR')) throw error;
  });

  return {
    stop: async (options) => {
      stopping.abort();
      await running?.stop(options);
      // A launch that was under way when the stop came.
      await kept;
      await running?.stop(options);
    },
    kill: () => {
      stopping.abort();
      running?.kill();
    },
  };
}
