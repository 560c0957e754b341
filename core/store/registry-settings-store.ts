/** What is set for a whole registry (an account in a region), in Redis: a hash of JSON by kind and name. */
import type { Redis } from 'ioredis';
import type { Scope } from '../scope.ts';
import { registryKeys } from './registry-keys.ts';

/** What a name belongs to. */
export type SettingKind =
  | 'account-setting'
  | 'policy'
  | 'scanning'
  | 'replication'
  | 'pull-through-rule'
  | 'template'
  | 'pull-time-exclusion';

export interface RegistrySettingsStore {
  get<Value>(registry: Scope, kind: SettingKind, name?: string): Promise<Value | undefined>;
  put(registry: Scope, kind: SettingKind, name: string, value: unknown): Promise<void>;
  /** False: there is one of that name. */
  create(registry: Scope, kind: SettingKind, name: string, value: unknown): Promise<boolean>;
  /** False: there was none. */
  delete(registry: Scope, kind: SettingKind, name?: string): Promise<boolean>;
  /** In order of their names. */
  list<Value>(registry: Scope, kind: SettingKind): Promise<readonly Value[]>;
}

export function createRegistrySettingsStore(redis: Redis, prefix: string): RegistrySettingsStore {
  const { settings } = registryKeys(prefix);
  const field = (kind: SettingKind, name = '') => `${kind}:${name}`;
  return {
    async get<Value>(registry: Scope, kind: SettingKind, name?: string) {
      const json = await redis.hget(settings(registry), field(kind, name));
      return json === null ? undefined : (JSON.parse(json) as Value);
    },
    put: async (registry, kind, name, value) =>
      void (await redis.hset(settings(registry), field(kind, name), JSON.stringify(value))),
    create: async (registry, kind, name, value) =>
      (await redis.hsetnx(settings(registry), field(kind, name), JSON.stringify(value))) === 1,
    delete: async (registry, kind, name) => (await redis.hdel(settings(registry), field(kind, name))) === 1,
    async list<Value>(registry: Scope, kind: SettingKind) {
      const all = Object.entries(await redis.hgetall(settings(registry)));
      return all
        .filter(([name]) => name.startsWith(`${kind}:`))
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([, json]) => JSON.parse(json) as Value);
    },
  };
}
