/** The store on Redis. */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { createAccountSettingStore } from './account-setting-store.ts';
import { createClusterStore } from './cluster-store.ts';
import type { Connection } from './connection.ts';
import { createScripts } from './scripts.ts';
import { createServiceStore } from './service-store.ts';
import type { Store } from './store.ts';
import { createTaskDefinitionStore } from './task-definition-store.ts';
import { createTaskStore } from './task-store.ts';
import { createWorkerStore } from './worker-store.ts';

export interface StoreOptions {
  /** See Settings.redisPrefix. */
  readonly prefix: string;
  /** Called after a task was placed on a worker or is wanted differently; see core/queue.ts. Default: nobody is woken. */
  readonly wake?: Connection['wake'];
}

export function createStore(redis: Redis, { prefix, wake = () => {} }: StoreOptions): Store {
  const connection: Connection = { redis, run: createScripts(redis), prefix, wake };
  const workers = createWorkerStore(connection);
  const tasks = createTaskStore(connection, workers.list);
  return {
    async identity() {
      const key = `${prefix}:store`;
      await redis.set(key, randomUUID(), 'NX');
      return (await redis.get(key)) ?? '';
    },
    clusters: createClusterStore(connection),
    taskDefinitions: createTaskDefinitionStore(connection),
    tasks,
    services: createServiceStore(connection, tasks),
    workers,
    accountSettings: createAccountSettingStore(connection),
  };
}
