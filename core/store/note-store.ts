/** What is noted beside a repository's images: previews of lifecycle policies, scans, replications. JSON in Redis. */
import type { Redis } from 'ioredis';
import type { Digest } from '../registry/digest.ts';
import { registryKeys } from './registry-keys.ts';
import { createScripts } from './scripts.ts';

/** One note for each repository. */
export interface RepositoryNotes {
  get<Value>(id: string): Promise<Value | undefined>;
  put(id: string, value: unknown): Promise<void>;
}

/** One note for each image; it goes with the image. */
export interface ImageNotes {
  get<Value>(id: string, digests: readonly Digest[]): Promise<readonly (Value | undefined)[]>;
  /** Nothing happens when the image is gone. */
  put(id: string, digest: Digest, value: unknown): Promise<void>;
  /** Sets one member of a note that is an object. */
  merge(id: string, digest: Digest, member: string, value: object): Promise<void>;
}

export function createPreviews(redis: Redis, prefix: string): RepositoryNotes {
  const { preview } = registryKeys(prefix);
  return {
    async get<Value>(id: string) {
      const json = await redis.get(preview(id));
      return json === null ? undefined : (JSON.parse(json) as Value);
    },
    put: async (id, value) => void (await redis.set(preview(id), JSON.stringify(value))),
  };
}

export function createImageNotes(redis: Redis, prefix: string, kind: 'scans' | 'replications'): ImageNotes {
  const keys = registryKeys(prefix);
  const run = createScripts(redis);
  return {
    async get<Value>(id: string, digests: readonly Digest[]) {
      if (digests.length === 0) return [];
      const found = await redis.hmget(keys[kind](id), ...digests);
      return found.map((json) => (json === null ? undefined : (JSON.parse(json) as Value)));
    },
    async merge(id, digest, member, value) {
      await run('merge-image-note', [keys.images(id), keys[kind](id)], [digest, member, JSON.stringify(value)]);
    },
    async put(id, digest, value) {
      if ((await redis.hexists(keys.images(id), digest)) === 1)
        await redis.hset(keys[kind](id), digest, JSON.stringify(value));
    },
  };
}
