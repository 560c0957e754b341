/** How every process connects to Redis. */
import { Redis, type RedisOptions } from 'ioredis';

/**
 * Opens a connection to a `redis://`, `rediss://` or `unix://` address.
 * Commands wait for a lost connection to come back for `patience` retries (null: for ever).
 */
export function connectRedis(url: string, options: { readonly patience: number | null; readonly name: string }): Redis {
  const common: RedisOptions = {
    connectionName: options.name,
    enableAutoPipelining: true,
    maxRetriesPerRequest: options.patience,
    retryStrategy: (attempt) => Math.min(50 * attempt, 1000),
  };
  return url.startsWith('unix://')
    ? new Redis({ ...common, path: url.slice('unix://'.length) })
    : new Redis(url, common);
}
