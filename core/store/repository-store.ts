/** Repositories in Redis: a hash for each, their names in order by account and region, and all of them. */
import type { Redis } from 'ioredis';
import type { Repository } from '../registry/repository.ts';
import { type Scope, scopeKey } from '../scope.ts';
import { pageOfSet, untilWritten } from './connection.ts';
import { registryKeys } from './registry-keys.ts';
import { createScripts } from './scripts.ts';
import type { Page, PageRequest } from './store.ts';

/** Images and blobs that are forgotten in one atomic step. */
const purgeBatch = 200;

export interface StoredRepository extends Scope {
  readonly repository: Repository;
  /** What a change must have been made from. */
  readonly revision: string;
}

export interface RepositoryStore {
  get(scope: Scope, name: string): Promise<StoredRepository | undefined>;
  /** False: there is one of that name. */
  create(scope: Scope, repository: Repository): Promise<boolean>;
  /** `change` is called again when another writer was quicker. @returns undefined: there is none */
  change(
    scope: Scope,
    name: string,
    change: (repository: Repository) => Repository | undefined,
  ): Promise<Repository | undefined>;
  /** @param force with the images in it */
  delete(
    scope: Scope,
    name: string,
    force: boolean,
  ): Promise<{ readonly outcome: 'missing' | 'images' | 'deleted'; readonly repository?: Repository }>;
  /** Names in order. */
  list(scope: Scope, page: PageRequest): Promise<Page<string>>;
  /** Of all accounts and regions, in order. */
  listAll(page: PageRequest): Promise<Page<Scope & { readonly name: string }>>;
  /** Whether an account has a repository, in any region. */
  hasAny(accountId: string): Promise<boolean>;
  /** Forgets what deleted repositories held; resolves when nothing is left of them. */
  purge(): Promise<void>;
}

export function createRepositoryStore(redis: Redis, prefix: string): RepositoryStore {
  const run = createScripts(redis);
  const keys = registryKeys(prefix);
  const member = (scope: Scope, name: string) => `${scopeKey(scope)}:${name}`;

  async function get(scope: Scope, name: string): Promise<StoredRepository | undefined> {
    const [json, revision] = await redis.hmget(keys.repository(scope, name), 'json', 'revision');
    const { accountId, region } = scope;
    return json && revision ? { accountId, region, repository: JSON.parse(json) as Repository, revision } : undefined;
  }

  async function write(scope: Scope, repository: Repository, revision: string) {
    return await run(
      'write-record',
      [keys.repository(scope, repository.name), keys.revisions, keys.names(scope), keys.allNames],
      [
        revision,
        0,
        ...[0, repository.name],
        ...[0, member(scope, repository.name)],
        ...['json', JSON.stringify(repository)],
      ],
    );
  }

  return {
    get,
    create: async (scope, repository) => (await write(scope, repository, '')) !== 'conflict',

    change: async (scope, name, change) =>
      await untilWritten(async () => {
        const found = await get(scope, name);
        const changed = found && change(found.repository);
        if (!changed) return found?.repository;
        return (await write(scope, changed, found.revision)) === 'conflict' ? 'conflict' : changed;
      }),

    delete: async (scope, name, force) =>
      await untilWritten(async () => {
        const found = await get(scope, name);
        if (!found) return { outcome: 'missing' as const };
        const { repository, revision } = found;
        const answer = await run(
          'delete-repository',
          [keys.repository(scope, name), keys.names(scope), keys.allNames, keys.images(repository.id), keys.forgotten],
          [revision, name, member(scope, name), repository.id, force ? '1' : ''],
        );
        return answer === 'conflict' ? answer : { outcome: answer as 'images' | 'deleted', repository };
      }),

    list: async (scope, page) => await pageOfSet(redis, keys.names(scope), page),

    async listAll(page) {
      const { items, next } = await pageOfSet(redis, keys.allNames, page);
      return { items: items.map(parseMember), ...(next !== undefined && { next }) };
    },

    hasAny: async (accountId) => {
      const bounds = { first: `[${accountId}:`, last: `(${accountId};` };
      return (await pageOfSet(redis, keys.allNames, { limit: 1 }, bounds)).items.length > 0;
    },

    async purge() {
      for (const id of await redis.smembers(keys.forgotten)) {
        const rest = [keys.ids, keys.tags, keys.tagNames, keys.blobUsers, keys.loose, keys.parents, keys.referrers];
        const more = [keys.pulls, keys.storage, keys.scans, keys.replications, keys.preview, keys.upstream];
        const all = [keys.images, keys.blobs, ...rest, ...more].map((key) => key(id));
        while ((await run('purge-repository', [keys.forgotten, keys.uses, ...all], [id, purgeBatch])) !== 0);
      }
    },
  };
}

function parseMember(member: string): Scope & { readonly name: string } {
  const [accountId = '', region = '', ...name] = member.split(':');
  return { accountId, region, name: name.join(':') };
}
