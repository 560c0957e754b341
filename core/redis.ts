/** How every process connects to Redis. */
import { Redis, type RedisOptions } from 'ioredis';

export interface RedisConnection {
  readonly patience: number | null;
  /** Shown by CLIENT LIST. */
  readonly name: string;
  /** Commands of one tick go out together: one write to disk for all. Not for BullMQ, whose scripts make that slow. */
  readonly batch?: boolean;
  /**
   * Milliseconds after which a command counts as failed, although it may still be carried out: a Redis that is frozen
   * or out of reach breaks no connection. Absent: none.
   */
  readonly commandTimeout?: number;
}

/**
 * Opens a connection to a `redis://`, `rediss://` or `unix://` address.
 * Commands wait for a lost connection to come back for `patience` retries (null: for ever).
 */
export function connectRedis(url: string, options: RedisConnection): Redis {
  const common: RedisOptions = {
    connectionName: options.name,
    enableAutoPipelining: options.batch ?? false,
    maxRetriesPerRequest: options.patience,
    ...(options.commandTimeout !== undefined && { commandTimeout: options.commandTimeout }),
    // Where patience ends, every command's must: with longer pauses, one that comes late would wait for ten of them.
    retryStrategy: (attempt) => Math.min(50 * attempt, options.patience === null ? 1000 : 300),
  };
  return url.startsWith('unix://')
    ? new Redis({ ...common, path: url.slice('unix://'.length) })
    : new Redis(url, common);
}
