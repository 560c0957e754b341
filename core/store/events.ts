/** The stream of state changes: what the service scheduler, the event bus and the console follow without polling. */
import type { Redis } from 'ioredis';
import type { LastStatus } from '../lifecycle.ts';
import type { DesiredStatus, TaskKey } from '../task.ts';

export interface TaskStateChange {
  readonly type: 'task';
  readonly key: TaskKey;
  readonly version: number;
  readonly lastStatus: LastStatus;
  readonly desiredStatus: DesiredStatus;
}

export interface StateChange {
  /** Position in the stream, to go on from. */
  readonly position: string;
  readonly change: TaskStateChange;
}

/**
 * State changes after `position` (`$`: from now on), waiting for new ones, until aborted.
 * Needs a connection of its own, because it waits in Redis. Events say what changed; the state itself is in the store.
 */
export async function* followStateChanges(
  redis: Redis,
  prefix: string,
  position: string,
  signal: AbortSignal,
): AsyncGenerator<StateChange> {
  let last = position;
  const abort = () => redis.disconnect();
  signal.addEventListener('abort', abort);
  try {
    while (!signal.aborted) {
      let found: Awaited<ReturnType<typeof redis.xread>>;
      try {
        found = await redis.xread('COUNT', 1000, 'BLOCK', 0, 'STREAMS', `${prefix}:events`, last);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      for (const [, entries] of found ?? []) {
        for (const [id, fields] of entries) {
          last = id;
          yield { position: id, change: parse(fields) };
        }
      }
    }
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function parse(fields: readonly string[]): TaskStateChange {
  const of = (name: string) => fields[fields.indexOf(name) + 1] ?? '';
  return {
    type: 'task',
    key: of('key'),
    version: Number(of('version')),
    lastStatus: of('lastStatus') as LastStatus,
    desiredStatus: of('desiredStatus') as DesiredStatus,
  };
}
