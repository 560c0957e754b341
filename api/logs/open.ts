/**
 * The log store has one owner: the API process that holds the store's folder and that Redis names as the owner of this
 * installation's logs. Other API processes, on this machine or another, pass requests for CloudWatch Logs on to it.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import type { SessionIssuer } from '../../core/session-credentials.ts';
import type { RequestContext } from '../operation.ts';
import type { LogsHandlers } from './deps.ts';
import { unavailable } from './errors.ts';
import { createForwarder, OwnerAwayError } from './forward.ts';
import { logsHandlers } from './index.ts';
import { type LogStore, openLogStore } from './store/log-store.ts';

export interface OpenLogsOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly folder: string;
  /** Bytes. */
  readonly limit: number;
  readonly sessions: SessionIssuer;
  readonly clock: Clock;
  readonly newUuid: () => string;
  readonly log: Logger;
}

export interface Logs {
  readonly handlers: LogsHandlers;
  /** Says where this process can be reached by others; asks nobody before that. */
  announce(endpoint: string): Promise<void>;
  /** undefined: another process has the store. */
  readonly store: LogStore | undefined;
  close(): Promise<void>;
}

/** What Redis knows of the owner. */
interface Owner {
  /** Of the store in the owner's folder. */
  readonly storeId: string;
  readonly endpoint: string;
}

/** Milliseconds. */
const tidyInterval = 60_000;

export async function openLogs(options: OpenLogsOptions): Promise<Logs> {
  const { redis, prefix, folder, limit, sessions, clock, newUuid, log } = options;
  const key = `${prefix}:logs-owner`;
  const failed = (error: unknown) => log.warn({ err: error }, 'the log store failed');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const storeId = await readStoreId(folder);
  const forwarder = createForwarder(sessions);
  let endpoint: string | undefined;
  let store = await tryOpen();
  let own = store && logsHandlers({ store, clock, newUuid });

  async function tryOpen(): Promise<LogStore | undefined> {
    try {
      return await openLogStore({ folder, limit, clock, failed });
    } catch (error) {
      if (isLocked(error)) return undefined;
      throw error;
    }
  }

  async function owner(): Promise<Owner | undefined> {
    const text = await redis.get(key);
    return text === null ? undefined : (JSON.parse(text) as Owner);
  }

  /** The first one to come owns the logs; who has the owner's own store goes on for it. */
  async function claim(): Promise<void> {
    if (store === undefined || endpoint === undefined) return;
    const mine = JSON.stringify({ storeId, endpoint } satisfies Owner);
    if ((await redis.set(key, mine, 'NX')) === 'OK') return;
    const other = await owner();
    if (other === undefined || other.storeId === storeId) await redis.set(key, mine);
    else {
      log.info({ owner: other.endpoint }, 'logs are kept by another API process');
      const held = store;
      store = undefined;
      own = undefined;
      await held.close();
    }
  }

  /** An owner that is gone may have left its folder to this process. */
  async function takeOver(): Promise<void> {
    if (store !== undefined || endpoint === undefined) return;
    const current = await owner();
    if (current !== undefined && current.storeId !== storeId) return;
    store = await tryOpen();
    own = store && logsHandlers({ store, clock, newUuid });
    await claim();
  }

  async function answer(name: keyof LogsHandlers, input: never, context: RequestContext): Promise<unknown> {
    for (let last = false; ; last = true) {
      const handler = own?.[name];
      if (handler)
        return await (handler as (input: never, context: RequestContext) => Promise<unknown>)(input, context);
      const current = await owner();
      try {
        if (current === undefined) throw new OwnerAwayError('No API process keeps logs.');
        return await forwarder.forward(current.endpoint, name, input, context.caller);
      } catch (error) {
        if (!(error instanceof OwnerAwayError)) throw error;
        if (last) throw unavailable('The API process that keeps the logs cannot be reached. Please try again later.');
        await takeOver();
      }
    }
  }

  const names = Object.keys(logsHandlers({ store: {} as LogStore, clock, newUuid })) as (keyof LogsHandlers)[];
  const handlers = Object.fromEntries(
    names.map((name) => [name, async (input: never, context: RequestContext) => await answer(name, input, context)]),
  ) as LogsHandlers;

  const timer = setInterval(() => {
    // Redis may have forgotten.
    claim().catch(failed);
    store?.tidy();
  }, tidyInterval);
  timer.unref();

  return {
    handlers,
    get store() {
      return store;
    },
    async announce(own) {
      endpoint = own;
      await claim();
    },
    async close() {
      clearInterval(timer);
      forwarder.close();
      await store?.close();
    },
  };
}

async function readStoreId(folder: string): Promise<string> {
  const path = join(folder, 'id');
  await writeFile(path, randomUUID(), { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  return (await readFile(path, 'utf8')).trim();
}

function isLocked(error: unknown): boolean {
  const { cause } = error as { readonly cause?: { readonly code?: string } };
  return cause?.code === 'LEVEL_LOCKED';
}
