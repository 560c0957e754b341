/** The stream of state changes: what the service scheduler, the event bus and the console follow without polling. */
import type { Redis } from 'ioredis';
import type { LastStatus } from '../lifecycle.ts';
import type { ServiceKey } from '../service/service.ts';
import type { DesiredStatus, TaskKey } from '../task.ts';

export interface TaskStateChange {
  readonly type: 'task';
  readonly key: TaskKey;
  readonly version: number;
  readonly lastStatus: LastStatus;
  readonly desiredStatus: DesiredStatus;
  /** The task's service, when the change is news to it. */
  readonly service?: ServiceKey;
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
  const leave = leaving(redis, signal);
  try {
    while (!signal.aborted) {
      let found: Awaited<ReturnType<typeof redis.xread>>;
      try {
        const read = redis.xread('COUNT', 1000, 'BLOCK', 0, 'STREAMS', `${prefix}:events`, last);
        found = await Promise.race([read, leave.left]);
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
    leave.forget();
  }
}

/**
 * Shares state changes with the other followers of a group: each change comes to one of them, from now on. What comes to
 * one that dies before it acted is not handed out again. Needs a connection of its own, because it waits in Redis.
 */
export async function* shareStateChanges(
  redis: Redis,
  prefix: string,
  { group, follower }: { readonly group: string; readonly follower: string },
  signal: AbortSignal,
): AsyncGenerator<readonly TaskStateChange[]> {
  const key = `${prefix}:events`;
  const leave = leaving(redis, signal);
  try {
    while (!signal.aborted) {
      try {
        const read = redis.xreadgroup(
          ...(['GROUP', group, follower, 'COUNT', 1000, 'BLOCK', 0, 'NOACK', 'STREAMS', key, '>'] as const),
        ) as Promise<[string, [string, string[]][]][] | null>;
        const found = await Promise.race([read, leave.left]);
        for (const [, entries] of found ?? []) yield entries.map(([, fields]) => parse(fields));
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Error && error.message.startsWith('NOGROUP'))) throw error;
        // Redis may have come back without it.
        const created = redis.xgroup('CREATE', key, group, '$', 'MKSTREAM').catch(unlessThere);
        await Promise.race([created, leave.left]);
      }
    }
  } finally {
    leave.forget();
  }
}

/** Ends the connection when aborted. A command that waits for a Redis that is away is not ended by that: `left` is. */
function leaving(redis: Redis, signal: AbortSignal): { readonly left: Promise<null>; forget(): void } {
  let abort = () => {};
  const left = new Promise<null>((resolve) => {
    abort = () => {
      redis.disconnect();
      resolve(null);
    };
  });
  signal.addEventListener('abort', abort);
  return { left, forget: () => signal.removeEventListener('abort', abort) };
}

function unlessThere(error: Error): void {
  if (!error.message.startsWith('BUSYGROUP')) throw error;
}

function parse(fields: readonly string[]): TaskStateChange {
  const of = (name: string) => {
    const at = fields.indexOf(name);
    return at < 0 ? '' : (fields[at + 1] ?? '');
  };
  const service = of('service');
  return {
    type: 'task',
    key: of('key'),
    version: Number(of('version')),
    lastStatus: of('lastStatus') as LastStatus,
    desiredStatus: of('desiredStatus') as DesiredStatus,
    ...(service !== '' && { service }),
  };
}
