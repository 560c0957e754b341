/** Parameters in Redis: one hash for each, with all its versions, and the names in order. Values are sealed before they get here. */
import type { Redis } from 'ioredis';
import { type Scope, scopeKey } from '../scope.ts';
import type { Parameter, ParameterVersion } from '../secrets/parameter.ts';
import type { Vault } from '../secrets/vault.ts';
import { pageOfSet, untilWritten } from './connection.ts';
import { createScripts } from './scripts.ts';
import type { Page, PageRequest } from './store.ts';

export interface ParameterWithValue {
  readonly parameter: Parameter;
  readonly version: ParameterVersion;
  readonly value: string;
  /** The value as it is stored: what shows of a SecureString that is not to be decrypted. */
  readonly sealed: string;
}

export interface ParameterChange {
  readonly parameter: Parameter;
  /** Given: `parameter.current` is a new version with this value. */
  readonly value?: string;
  /** Number of a version that is to be forgotten. */
  readonly forget?: number;
}

export interface ParameterStore {
  /** In the order of `names`. */
  get(scope: Scope, names: readonly string[]): Promise<readonly (Parameter | undefined)[]>;
  /** @param choose number of the version; undefined: it does not exist */
  value(
    scope: Scope,
    name: string,
    choose: (parameter: Parameter) => number | undefined,
  ): Promise<ParameterWithValue | 'no-version' | undefined>;
  /** All versions that are kept, oldest first. */
  history(scope: Scope, name: string): Promise<readonly ParameterWithValue[] | undefined>;
  /** `change` is called again when another writer was quicker; it returns undefined to leave things as they are. */
  write(
    scope: Scope,
    name: string,
    change: (parameter: Parameter | undefined) => ParameterChange | undefined,
  ): Promise<Parameter | undefined>;
  /** False: there was none. */
  delete(scope: Scope, name: string): Promise<boolean>;
  /** Names in order. `start`: only those that begin so. `oneLevel`: only those without a slash after that. */
  list(
    scope: Scope,
    filter: { readonly start?: string; readonly oneLevel?: boolean },
    page: PageRequest,
  ): Promise<Page<string>>;
}

export function createParameterStore(
  redis: Redis,
  { prefix, vault }: { readonly prefix: string; readonly vault: Vault },
): ParameterStore {
  const run = createScripts(redis);
  const key = (scope: Scope, name: string) => `${prefix}:parameter:${scopeKey(scope)}:${name}`;
  const names = (scope: Scope) => `${prefix}:parameters:${scopeKey(scope)}`;
  const context = (scope: Scope, name: string, version: number) =>
    ['parameter', scope.accountId, scope.region, name, String(version)] as const;

  async function read(scope: Scope, name: string) {
    const [json, revision, sealed] = await redis.hmget(key(scope, name), 'json', 'revision', 'sealed');
    if (!json || !revision || !sealed) return undefined;
    return { parameter: JSON.parse(json) as Parameter, revision, sealed };
  }

  async function opened(scope: Scope, parameter: Parameter, version: ParameterVersion, sealed: string) {
    const value = await vault.open(sealed, context(scope, parameter.name, version.version));
    return { parameter, version, value: value.toString('utf8'), sealed };
  }

  return {
    get: async (scope, wanted) => await Promise.all(wanted.map(async (name) => (await read(scope, name))?.parameter)),

    async value(scope, name, choose) {
      for (;;) {
        const found = await read(scope, name);
        if (!found) return undefined;
        const { parameter, sealed } = found;
        const number = choose(parameter);
        if (number === parameter.current.version) return await opened(scope, parameter, parameter.current, sealed);
        if (number === undefined || number < parameter.oldest || number > parameter.current.version)
          return 'no-version';
        const [info, earlier] = await redis.hmget(key(scope, name), `info:${number}`, `sealed:${number}`);
        if (info && earlier) return await opened(scope, parameter, JSON.parse(info) as ParameterVersion, earlier);
        // It was forgotten meanwhile: the parameter has changed, look again.
      }
    },

    async history(scope, name) {
      const hash = await redis.hgetall(key(scope, name));
      if (hash.json === undefined) return undefined;
      const parameter = JSON.parse(hash.json) as Parameter;
      const versions: ParameterWithValue[] = [];
      for (let number = parameter.oldest; number <= parameter.current.version; number += 1) {
        const [info, sealed] = [hash[`info:${number}`], hash[`sealed:${number}`]];
        if (info && sealed) versions.push(await opened(scope, parameter, JSON.parse(info) as ParameterVersion, sealed));
      }
      return versions;
    },

    async write(scope, name, change) {
      return await untilWritten(async () => {
        const found = await read(scope, name);
        const changed = change(found?.parameter);
        if (!changed) return found?.parameter;
        const { parameter, value, forget } = changed;
        const number = parameter.current.version;
        const fields = ['json', JSON.stringify(parameter)];
        if (value !== undefined) {
          const sealed = await vault.seal(Buffer.from(value), context(scope, name, number));
          const info = JSON.stringify(parameter.current);
          fields.push('sealed', sealed, `sealed:${number}`, sealed, `info:${number}`, info);
        }
        const removed = forget === undefined ? [] : [`sealed:${forget}`, `info:${forget}`];
        const answer = await run(
          'write-record',
          [key(scope, name), `${prefix}:record-revisions`, names(scope)],
          [found?.revision ?? '', removed.length, ...removed, 0, name, ...fields],
        );
        return answer === 'conflict' ? answer : parameter;
      });
    },

    delete: async (scope, name) => (await run('delete-record', [key(scope, name), names(scope)], ['', name])) === 1,

    async list(scope, { start = '', oneLevel = false }, page) {
      const bounds = start === '' ? {} : { first: `[${start}`, last: `(${start}\xff` };
      if (!oneLevel) return await pageOfSet(redis, names(scope), page, bounds);
      const items: string[] = [];
      let after = page.after;
      for (;;) {
        const some = await pageOfSet(
          redis,
          names(scope),
          { limit: 100, ...(after !== undefined && { after }) },
          bounds,
        );
        for (const name of some.items) {
          after = name;
          const slash = name.indexOf('/', start.length);
          if (slash >= 0) {
            // Everything below is passed over at once: 0 is what follows the slash in ASCII.
            after = `${name.slice(0, slash)}/\xff`;
            break;
          }
          if (items.length === page.limit) return { items, next: items.at(-1) as string };
          items.push(name);
        }
        if (some.next === undefined && after === some.items.at(-1)) return { items };
        if (some.items.length === 0) return { items };
      }
    },
  };
}
