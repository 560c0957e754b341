/**
 * Tells when containers end, for any number of waiters over one connection: the engine's event stream. Events are only
 * hints to look: what is true is read by inspecting. After a gap in the stream one listing finds what was missed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../log.ts';
import type { Engine } from './engine.ts';
import { jsonLines } from './json-lines.ts';
import { OWNER } from './names.ts';

export interface ExitWatch {
  /** Resolves when the container may have ended or gone: look then. Ask before looking, so that no end is missed. */
  next(containerId: string, signal?: AbortSignal): Promise<void>;
  close(): void;
  readonly closed: boolean;
}

interface ContainerEvent {
  readonly Action?: string;
  readonly id?: string;
  readonly Actor?: { readonly ID?: string };
}

/** How often missed events are looked for, milliseconds. */
const SWEEP = 60_000;

export function createExitWatch(engine: Engine, owner: string, log: Log): ExitWatch {
  const waiters = new Map<string, Set<() => void>>();
  const closing = new AbortController();
  let running = false;

  const wake = (id: string) => {
    for (const resolve of waiters.get(id) ?? []) resolve();
    waiters.delete(id);
  };

  /** Wakes the waiters of every container that does not run (any more). */
  const sweep = async () => {
    if (waiters.size === 0) return;
    const waited = [...waiters.keys()];
    const alive = await engine.call((docker) =>
      docker.listContainers({
        all: true,
        filters: { label: [`${OWNER}=${owner}`], status: ['created', 'running', 'paused', 'restarting'] },
      }),
    );
    const ids = new Set(alive.map(({ Id }) => Id));
    for (const id of waited) if (!ids.has(id)) wake(id);
  };

  const follow = async () => {
    const stop = new AbortController();
    const abort = () => stop.abort();
    closing.signal.addEventListener('abort', abort);
    let timer: NodeJS.Timeout | undefined;
    try {
      const stream = await engine.call((docker) =>
        docker.getEvents({
          abortSignal: stop.signal,
          filters: { type: ['container'], event: ['die', 'destroy'], label: [`${OWNER}=${owner}`] },
        }),
      );
      await sweep();
      // A stream that breaks is read again from the top of the loop, sweeping first.
      timer = setInterval(() => {
        sweep().catch((error: unknown) => log.debug({ error }, 'looking for missed ends of containers failed'));
      }, SWEEP);
      for await (const event of jsonLines<ContainerEvent>(stream)) wake(event.Actor?.ID ?? event.id ?? '');
    } finally {
      clearInterval(timer);
      closing.signal.removeEventListener('abort', abort);
      stop.abort();
    }
  };

  const run = async () => {
    for (let pause = 100; !closing.signal.aborted; pause = Math.min(pause * 2, 2000)) {
      const since = Date.now();
      try {
        await follow();
      } catch (error) {
        if (!closing.signal.aborted) log.debug({ error }, "the engine's event stream broke");
      }
      if (Date.now() - since > 5000) pause = 100;
      if (!closing.signal.aborted) await delay(pause, undefined, { ref: false });
    }
  };

  return {
    next(containerId, signal) {
      if (!running) {
        running = true;
        void run();
      }
      return new Promise((resolve) => {
        const waiting = waiters.get(containerId) ?? new Set();
        waiters.set(containerId, waiting);
        const done = () => {
          signal?.removeEventListener('abort', done);
          waiting.delete(done);
          if (waiting.size === 0 && waiters.get(containerId) === waiting) waiters.delete(containerId);
          resolve();
        };
        waiting.add(done);
        signal?.addEventListener('abort', done);
        if (signal?.aborted) done();
      });
    },
    close: () => {
      closing.abort();
      for (const id of [...waiters.keys()]) wake(id);
    },
    get closed() {
      return closing.signal.aborted;
    },
  };
}
