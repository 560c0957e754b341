/** Secrets in Redis: one hash for each, with its versions' values, sealed before they get here; lists by name, age and end. */
import type { Redis } from 'ioredis';
import { type Scope, scopeKey } from '../scope.ts';
import type { Secret, SecretVersion } from '../secrets/secret.ts';
import type { Vault } from '../secrets/vault.ts';
import type { Millis } from '../task.ts';
import { pageOfSet, untilWritten } from './connection.ts';
import { createScripts } from './scripts.ts';
import type { Page, PageRequest } from './store.ts';

export interface SecretChange {
  readonly secret: Secret;
  /** Values of versions that are new. */
  readonly values?: Readonly<Record<string, Uint8Array>>;
  /** Ids of versions that are to be forgotten. */
  readonly forgotten?: readonly string[];
}

export interface SecretStore {
  get(scope: Scope, name: string): Promise<Secret | undefined>;
  /** undefined: the version is not, or no longer, there. */
  value(scope: Scope, secret: Secret, versionId: string): Promise<Buffer | undefined>;
  /** `change` is called again when another writer was quicker; it returns undefined to leave things as they are. */
  write(
    scope: Scope,
    name: string,
    change: (secret: Secret | undefined) => SecretChange | undefined | Promise<SecretChange | undefined>,
  ): Promise<Secret | undefined>;
  /** Forgets a secret at once. False: there was none, or not the one that is meant. */
  delete(scope: Scope, secret: Secret): Promise<boolean>;
  /** A position is what `after` of a page request may be. */
  list(
    scope: Scope,
    order: { readonly by: 'name' | 'creation'; readonly descending: boolean },
    page: PageRequest,
  ): Promise<Page<{ readonly name: string; readonly position: string }>>;
  /** Forgets at most `most` secrets whose recovery window has ended; returns how many it looked at. */
  purge(now: Millis, most: number): Promise<number>;
}

export function createSecretStore(
  redis: Redis,
  { prefix, vault }: { readonly prefix: string; readonly vault: Vault },
): SecretStore {
  const run = createScripts(redis);
  const key = (scope: Scope, name: string) => `${prefix}:secret:${scopeKey(scope)}:${name}`;
  const byName = (scope: Scope) => `${prefix}:secrets:${scopeKey(scope)}`;
  const byCreation = (scope: Scope) => `${prefix}:secrets-by-creation:${scopeKey(scope)}`;
  const deletions = `${prefix}:secret-deletions`;
  const context = (scope: Scope, { name, suffix }: Secret, id: string, kind: SecretVersion['kind']) =>
    ['secret', scope.accountId, scope.region, name, suffix, id, kind] as const;

  async function read(scope: Scope, name: string) {
    const [json, revision] = await redis.hmget(key(scope, name), 'json', 'revision');
    return json && revision ? { secret: JSON.parse(json) as Secret, revision } : undefined;
  }

  async function sealedFields(scope: Scope, { secret, values = {} }: SecretChange): Promise<string[]> {
    const fields: string[] = [];
    for (const [id, value] of Object.entries(values)) {
      const kind = secret.versions[id]?.kind;
      // What has no version any more needs no value.
      if (kind !== undefined) fields.push(`sealed:${id}`, await vault.seal(value, context(scope, secret, id, kind)));
    }
    return fields;
  }

  async function remove(scope: Scope, secret: Secret, revision: string) {
    return await run(
      'delete-record',
      [key(scope, secret.name), byName(scope), byCreation(scope), deletions],
      [revision, secret.name, ageMember(secret), deletionMember(scope, secret)],
    );
  }

  return {
    get: async (scope, name) => (await read(scope, name))?.secret,

    async value(scope, secret, id) {
      const kind = secret.versions[id]?.kind;
      const sealed = await redis.hget(key(scope, secret.name), `sealed:${id}`);
      if (!sealed || kind === undefined) return undefined;
      return await vault.open(sealed, context(scope, secret, id, kind));
    },

    async write(scope, name, change) {
      return await untilWritten(async () => {
        const found = await read(scope, name);
        const changed = await change(found?.secret);
        if (!changed) return found?.secret;
        const { secret, forgotten = [] } = changed;
        const removed = forgotten.map((id) => `sealed:${id}`);
        const sealed = await sealedFields(scope, changed);
        const answer = await run(
          'write-record',
          [key(scope, name), `${prefix}:record-revisions`, byName(scope), byCreation(scope), deletions],
          [
            found?.revision ?? '',
            removed.length,
            ...removed,
            ...[0, name],
            ...[0, ageMember(secret)],
            ...[secret.deletion?.at ?? '', deletionMember(scope, secret)],
            ...['json', JSON.stringify(secret), ...sealed],
          ],
        );
        return answer === 'conflict' ? answer : secret;
      });
    },

    async delete(scope, secret) {
      return await untilWritten(async () => {
        const found = await read(scope, secret.name);
        if (found?.secret.suffix !== secret.suffix) return false;
        const answer = await remove(scope, found.secret, found.revision);
        return answer === 'conflict' ? answer : answer === 1;
      });
    },

    async list(scope, { by, descending }, page) {
      const [key, nameOf] = by === 'name' ? [byName(scope), same] : [byCreation(scope), nameOfAge];
      const { items, next } = await pageOfSet(redis, key, page, { descending });
      const found = items.map((position) => ({ name: nameOf(position), position }));
      return { items: found, ...(next !== undefined && { next }) };
    },

    async purge(now, most) {
      const due = await redis.zrangebyscore(deletions, '-inf', now, 'LIMIT', 0, most);
      for (const member of due) {
        const { scope, name } = parseDeletion(member);
        const found = await read(scope, name);
        if (found?.secret.deletion && found.secret.deletion.at <= now)
          await remove(scope, found.secret, found.revision);
        else if (!found) await redis.zrem(deletions, member);
      }
      return due.length;
    },
  };
}

/** Sorts by age, then name. */
function ageMember({ createdAt, name }: Secret): string {
  return `${String(createdAt).padStart(15, '0')}!${name}`;
}

function same(member: string): string {
  return member;
}

function nameOfAge(member: string): string {
  return member.slice(member.indexOf('!') + 1);
}

function deletionMember(scope: Scope, { name }: Secret): string {
  return `${scopeKey(scope)}:${name}`;
}

function parseDeletion(member: string): { readonly scope: Scope; readonly name: string } {
  const [accountId = '', region = '', ...name] = member.split(':');
  return { scope: { accountId, region }, name: name.join(':') };
}
