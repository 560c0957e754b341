/** What a benchmark made and must unmake, the newest first, also when it fails or is interrupted. */

export interface Cleanup {
  /** @returns unmakes it now; a second call does nothing */
  add(unmake: () => Promise<void>): () => Promise<void>;
  run(): Promise<void>;
}

export function createCleanup(): Cleanup {
  const waiting: (() => Promise<void>)[] = [];
  let running: Promise<void> = Promise.resolve();

  async function runAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const unmake of waiting.splice(0).reverse()) {
      await unmake().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be removed.');
  }

  return {
    add(unmake) {
      let done: Promise<void> | undefined;
      const once = () => {
        done ??= unmake();
        return done;
      };
      waiting.push(once);
      return once;
    },
    async run() {
      // One that is under way is waited for: what was interrupted must not end the process in the middle of it.
      running = running.then(runAll, runAll);
      await running;
    },
  };
}
