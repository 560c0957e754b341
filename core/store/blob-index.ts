/** Which blobs repositories have, and which ones nobody needs any more, in Redis. */
import type { Redis } from 'ioredis';
import type { Digest } from '../registry/digest.ts';
import type { Scope } from '../scope.ts';
import type { Millis } from '../task.ts';
import { registryKeys } from './registry-keys.ts';
import type { StoredRepository } from './repository-store.ts';
import { createScripts } from './scripts.ts';

/** Blobs that are forgotten in one atomic step. */
const batch = 500;
/** Milliseconds between two notes that an upload goes on. */
const touchEvery = 3600 * 1000;
/** How long bytes that are being stored are kept although no repository has them yet, milliseconds. */
const leaseTime = 15 * 60 * 1000;

export interface UploadRecord extends Scope {
  readonly repositoryId: string;
  readonly startedAt: Millis;
  /** Of uploads through ECR's own operations, which take parts whole or not at all. */
  readonly parts?: UploadedParts;
}

export interface UploadedParts {
  /** Bytes of all parts. The file may have more, of a part that was cut off. */
  readonly size: number;
  readonly newest?: { readonly from: number; readonly digest: Digest };
  /** The newest part has less than a part must have. */
  readonly endsSmall?: boolean;
  /** Such a part was followed by another. */
  readonly hasSmallPart?: boolean;
}

export interface BlobIndex {
  /** Call it before bytes are stored: what is about to remove them gives way. */
  lease(digest: Digest, now: Millis): Promise<void>;
  /** After the bytes were stored. False: the repository is gone. */
  add(repository: StoredRepository, digest: Digest, size: number, now: Millis): Promise<boolean>;
  /** Gives a repository a blob of another one, or keeps its own for longer. @returns bytes; undefined: it is not there */
  share(repository: StoredRepository, digest: Digest, fromId: string, now: Millis): Promise<number | undefined>;
  /** Bytes of blobs that a repository has, in the order of `digests`. */
  sizes(id: string, digests: readonly Digest[]): Promise<readonly (number | undefined)[]>;
  /** How many images of a repository name a blob. */
  users(id: string, digest: Digest): Promise<number>;
  /** Forgets blobs that no image has named since before a moment. */
  dropLoose(id: string, before: Millis): Promise<void>;
  /** Forgets one that no image names. False: one does, or there is none. */
  drop(id: string, digest: Digest): Promise<boolean>;
  /** Whether anybody needs a blob's bytes. */
  isNeeded(digest: Digest, now: Millis): Promise<boolean>;
  /** True: the caller may remove the bytes, and must ask `confirmCondemned` before they are gone for good. */
  condemn(digest: Digest, token: string, now: Millis): Promise<boolean>;
  confirmCondemned(digest: Digest, token: string): Promise<boolean>;

  /** Forgets leases that have ended. */
  dropLeases(now: Millis): Promise<void>;
  /** True for one caller in so many milliseconds. */
  mayCollect(every: number): Promise<boolean>;

  recordUpload(id: string, upload: UploadRecord, now: Millis): Promise<void>;
  upload(id: string): Promise<UploadRecord | undefined>;
  /** Keeps an upload that goes on; to the hour. */
  touchUpload(id: string, now: Millis): Promise<void>;
  noteParts(id: string, parts: UploadedParts): Promise<void>;
  forgetUpload(id: string): Promise<void>;
  /** Uploads that nothing was added to since before a moment. */
  uploadsBefore(before: Millis): Promise<readonly string[]>;
}

export function createBlobIndex(redis: Redis, prefix: string): BlobIndex {
  const run = createScripts(redis);
  const keys = registryKeys(prefix);

  async function add({ repository, ...scope }: StoredRepository, values: readonly (string | number)[], fromId: string) {
    const { id } = repository;
    return await run(
      'add-blob',
      [
        keys.repository(scope, repository.name),
        ...[keys.blobs(id), keys.blobUsers(id), keys.loose(id)],
        ...[keys.uses, keys.blobs(fromId)],
      ],
      [id, ...values],
    );
  }

  const drop = async (id: string, before: Millis, most: number, digest: string) =>
    Number(await run('drop-loose-blobs', [keys.blobs(id), keys.loose(id), keys.uses], [before, most, digest]));

  return {
    lease: async (digest, now) =>
      void (await run('lease-blob', [keys.condemned, keys.leases], [digest, now + leaseTime])),

    add: async (repository, digest, size, now) =>
      (await add(repository, [digest, size, now], repository.repository.id)) !== 'gone',

    async share(repository, digest, fromId, now) {
      const answer = await add(repository, [digest, '', now], fromId);
      return answer === 'gone' || answer === 'missing' ? undefined : Number(answer);
    },

    async sizes(id, digests) {
      if (digests.length === 0) return [];
      return (await redis.hmget(keys.blobs(id), ...digests)).map((size) => (size === null ? undefined : Number(size)));
    },

    users: async (id, digest) => Number((await redis.hget(keys.blobUsers(id), digest)) ?? 0),

    async dropLoose(id, before) {
      while ((await drop(id, before, batch, '')) === batch);
    },

    drop: async (id, digest) => (await drop(id, 0, 0, digest)) === 1,

    async isNeeded(digest, now) {
      const [used, lease] = await Promise.all([redis.hexists(keys.uses, digest), redis.zscore(keys.leases, digest)]);
      return used === 1 || Number(lease ?? 0) > now;
    },

    condemn: async (digest, token, now) =>
      (await run('condemn-blob', [keys.condemned, keys.leases, keys.uses], [digest, token, now])) === 1,
    confirmCondemned: async (digest, token) =>
      (await run('confirm-condemned', [keys.condemned], [digest, token])) === 1,

    dropLeases: async (now) => void (await redis.zremrangebyscore(keys.leases, '-inf', now)),
    mayCollect: async (every) => (await redis.set(keys.collected, '1', 'PX', every, 'NX')) === 'OK',

    async recordUpload(id, upload, now) {
      await redis.multi().set(keys.upload(id), JSON.stringify(upload)).zadd(keys.uploads, now, id).exec();
    },

    async upload(id) {
      const json = await redis.get(keys.upload(id));
      return json === null ? undefined : (JSON.parse(json) as UploadRecord);
    },

    async touchUpload(id, now) {
      const noted = await redis.zscore(keys.uploads, id);
      // Each note waits for the disk, which the upload keeps busy.
      if (noted !== null && now - Number(noted) >= touchEvery) await redis.zadd(keys.uploads, 'XX', now, id);
    },

    async noteParts(id, parts) {
      const json = await redis.get(keys.upload(id));
      if (json === null) return;
      const upload: UploadRecord = { ...(JSON.parse(json) as UploadRecord), parts };
      await redis.set(keys.upload(id), JSON.stringify(upload), 'XX');
    },

    async forgetUpload(id) {
      await redis.multi().del(keys.upload(id)).zrem(keys.uploads, id).exec();
    },

    uploadsBefore: async (before) => await redis.zrangebyscore(keys.uploads, '-inf', before, 'LIMIT', 0, batch),
  };
}
