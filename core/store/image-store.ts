/** Images, tags and blobs of repositories in Redis, by the repository's id. */
import type { Redis } from 'ioredis';
import type { Digest } from '../registry/digest.ts';
import { type Image, type ImageDetail, type ImageStorage, isImmutable } from '../registry/repository.ts';
import type { Millis } from '../task.ts';
import { pageOfSet } from './connection.ts';
import { registryKeys } from './registry-keys.ts';
import type { StoredRepository } from './repository-store.ts';
import { createScripts } from './scripts.ts';
import type { Page, PageRequest } from './store.ts';

export type PutImageResult =
  /** The repository has changed, or is gone: look at it again. */
  | { readonly outcome: 'conflict' }
  | { readonly outcome: 'missing'; readonly what: 'blobs' | 'children'; readonly digests: readonly Digest[] }
  /** The tag may not move from this image. */
  | { readonly outcome: 'immutable'; readonly digest: Digest }
  | {
      readonly outcome: 'put';
      /** False: the repository had this image. */
      readonly isNew: boolean;
      /** Image that had the tag before. */
      readonly before?: Digest;
    };

export type RemoveImageResult =
  | { readonly outcome: 'missing' }
  /** The tag is another image's. */
  | { readonly outcome: 'other' }
  /** Indexes name it. */
  | { readonly outcome: 'held'; readonly parents: readonly Digest[] }
  | {
      readonly outcome: 'removed';
      readonly digest: Digest;
      /** False: only the tag went. */
      readonly image: boolean;
      readonly tags: readonly string[];
    };

export interface ImageName {
  readonly digest?: Digest;
  readonly tag?: string;
}

export interface ImageStore {
  /** An image and a tag of it become visible together, or not at all. */
  put(
    repository: StoredRepository,
    image: Image,
    tag: string | undefined,
    /** True: images that it names need not be there. */
    childrenLater?: boolean,
  ): Promise<PutImageResult>;
  /**
   * @param what `image`: with all its tags; `tag`: the tag alone; `last`: the tag, and the image with its last one
   */
  remove(id: string, name: ImageName, what: 'image' | 'tag' | 'last', now: Millis): Promise<RemoveImageResult>;
  /** undefined: there is no such tag. */
  digestOf(id: string, tag: string): Promise<Digest | undefined>;
  image(id: string, digest: Digest): Promise<Image | undefined>;
  /** In the order of `digests`. */
  details(id: string, digests: readonly Digest[]): Promise<readonly (ImageDetail | undefined)[]>;
  /** By digest, then tag; an image without tags once. */
  list(id: string, page: PageRequest): Promise<Page<{ readonly digest: Digest; readonly tag?: string }>>;
  /** Tags in order, after `after`. */
  tags(id: string, page: PageRequest): Promise<Page<string>>;
  /** Digests of images that are about another one. */
  referrers(id: string, subject: Digest): Promise<readonly Digest[]>;
  /** Digests of indexes that name an image. */
  parents(id: string, child: Digest): Promise<readonly Digest[]>;
  count(id: string): Promise<number>;
  recordPull(id: string, digest: Digest, at: Millis): Promise<void>;
  /** When a tag was last looked up in the upstream registry of a pull-through cache. */
  upstreamNoted(id: string, tag: string): Promise<Millis | undefined>;
  noteUpstream(id: string, tag: string, at: Millis): Promise<void>;
  setStorage(id: string, digest: Digest, storage: ImageStorage): Promise<void>;
}

export function createImageStore(redis: Redis, prefix: string): ImageStore {
  const run = createScripts(redis);
  const keys = registryKeys(prefix);

  /** Tags by digest, in one reply each. */
  async function tagsOf(id: string, digests: readonly Digest[]): Promise<readonly (readonly string[])[]> {
    const found = await Promise.all(
      digests.map(async (digest) => await redis.zrangebylex(keys.ids(id), `[${digest} `, `(${digest}!`)),
    );
    return found.map((ids) => ids.map((member) => parseId(member).tag ?? '').filter((tag) => tag !== ''));
  }

  async function fields(key: string, digests: readonly Digest[]): Promise<readonly (string | null)[]> {
    return digests.length === 0 ? [] : await redis.hmget(key, ...digests);
  }

  return {
    async put({ accountId, region, repository, revision }, image, tag, childrenLater = false) {
      const { id } = repository;
      const names = [keys.images, keys.ids, keys.tags, keys.tagNames, keys.blobs, keys.blobUsers];
      const more = [keys.loose, keys.parents, keys.referrers];
      const all = [...names, ...more].map((key) => key(id));
      const blobs = [...new Set(image.blobs.map(({ digest }) => digest))];
      const answer = (await run(
        'put-image',
        [keys.repository({ accountId, region }, repository.name), ...all, keys.uses],
        [
          revision,
          image.digest,
          JSON.stringify(image),
          tag ?? '',
          tag !== undefined && isImmutable(repository, tag) ? '1' : '',
          image.subject ?? '',
          blobs.length,
          ...blobs,
          ...(childrenLater ? [] : new Set(image.children)),
        ],
      )) as 'conflict' | readonly string[];
      return parsePut(answer);
    },

    async remove(id, { digest = '', tag = '' }, what, now) {
      const names = [keys.images, keys.ids, keys.tags, keys.tagNames, keys.blobUsers, keys.loose, keys.parents];
      const before = [...names, keys.referrers].map((key) => key(id));
      const after = [keys.pulls, keys.storage, keys.scans, keys.replications].map((key) => key(id));
      const answer = await run('remove-image', [...before, keys.uses, ...after], [digest, tag, what, now]);
      return parseRemove(answer as readonly string[]);
    },

    digestOf: async (id, tag) => ((await redis.hget(keys.tags(id), tag)) ?? undefined) as Digest | undefined,

    async image(id, digest) {
      const json = await redis.hget(keys.images(id), digest);
      return json === null ? undefined : (JSON.parse(json) as Image);
    },

    async details(id, digests) {
      const [images, tags, pulls, storage] = await Promise.all([
        fields(keys.images(id), digests),
        tagsOf(id, digests),
        fields(keys.pulls(id), digests),
        fields(keys.storage(id), digests),
      ]);
      return images.map((json, at): ImageDetail | undefined => {
        if (!json) return undefined;
        const [pulledAt, kept] = [pulls[at], storage[at]];
        return {
          ...(JSON.parse(json) as Image),
          tags: tags[at] ?? [],
          ...(pulledAt && { pulledAt: Number(pulledAt) }),
          ...(kept && { storage: JSON.parse(kept) as ImageStorage }),
        };
      });
    },

    async list(id, page) {
      const { items, next } = await pageOfSet(redis, keys.ids(id), page);
      return { items: items.map(parseId), ...(next !== undefined && { next }) };
    },

    tags: async (id, page) => await pageOfSet(redis, keys.tagNames(id), page),
    referrers: async (id, subject) => await relatives(keys.referrers(id), subject),
    parents: async (id, child) => await relatives(keys.parents(id), child),
    count: async (id) => await redis.hlen(keys.images(id)),
    recordPull: async (id, digest, at) => void (await redis.hset(keys.pulls(id), digest, at)),
    async upstreamNoted(id, tag) {
      const at = await redis.hget(keys.upstream(id), tag);
      return at === null ? undefined : Number(at);
    },
    noteUpstream: async (id, tag, at) => void (await redis.hset(keys.upstream(id), tag, at)),
    setStorage: async (id, digest, storage) =>
      void (await redis.hset(keys.storage(id), digest, JSON.stringify(storage))),
  };

  async function relatives(key: string, digest: Digest): Promise<readonly Digest[]> {
    const found = await redis.zrangebylex(key, `[${digest} `, `(${digest}!`);
    return found.map((member) => member.slice(digest.length + 1) as Digest);
  }
}

function parseId(member: string): { readonly digest: Digest; readonly tag?: string } {
  const space = member.indexOf(' ');
  const tag = member.slice(space + 1);
  return { digest: member.slice(0, space) as Digest, ...(tag !== '' && { tag }) };
}

function parsePut(answer: 'conflict' | readonly string[]): PutImageResult {
  if (answer === 'conflict') return { outcome: 'conflict' };
  const [outcome, first = '', second = '', ...rest] = answer;
  if (outcome === 'missing')
    return { outcome, what: first as 'blobs' | 'children', digests: [second, ...rest] as Digest[] };
  if (outcome === 'immutable') return { outcome, digest: first as Digest };
  return { outcome: 'put', isNew: first === '1', ...(second !== '' && { before: second as Digest }) };
}

function parseRemove([outcome, ...rest]: readonly string[]): RemoveImageResult {
  if (outcome === 'missing' || outcome === 'other') return { outcome };
  if (outcome === 'held') return { outcome, parents: rest as Digest[] };
  const [digest, image, ...tags] = rest;
  return { outcome: 'removed', digest: digest as Digest, image: image === '1', tags };
}
