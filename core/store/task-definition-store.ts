/** Task definitions in Redis: one hash for each revision, lists by status in order of family and number. */
import { type Scope, scopeKey } from '../scope.ts';
import type { TaskDefinition } from '../task-definition.ts';
import { type Connection, pageOfSet, untilWritten } from './connection.ts';
import type { TaskDefinitionName, TaskDefinitionStore } from './store.ts';

/** Everything but the number, which Redis gives. */
type Stored = Omit<TaskDefinition, 'revision'>;

export function createTaskDefinitionStore({ redis, run, prefix }: Connection): TaskDefinitionStore {
  const key = (scope: Scope, { family, revision }: TaskDefinitionName) =>
    `${prefix}:td:${scopeKey(scope)}:${family}:${revision}`;
  const list = (scope: Scope, status: string) => `${prefix}:tds:${scopeKey(scope)}:${status}`;

  async function read(scope: Scope, name: TaskDefinitionName) {
    const [json, revision] = await redis.hmget(key(scope, name), 'json', 'revision');
    if (!json) return undefined;
    const definition: TaskDefinition = { ...(JSON.parse(json) as Stored), revision: name.revision };
    return { definition, storageRevision: Number(revision) };
  }

  return {
    async register(scope, body, tags, at) {
      const stored: Stored = { body, status: 'ACTIVE', registeredAt: at, tags };
      const revision = await run(
        'register-task-definition',
        [`${prefix}:td-numbers:${scopeKey(scope)}`, list(scope, 'ACTIVE')],
        [prefix, scopeKey(scope), body.family, JSON.stringify(stored)],
      );
      return { ...stored, revision: Number(revision) };
    },

    get: async (scope, name) => (await read(scope, name))?.definition,

    async latest(scope, family) {
      // The revision that the list names may be deregistered before it is read; then there may be an older one.
      for (;;) {
        const bounds = { first: `[${family}!`, last: `(${family}"`, descending: true };
        const { items } = await pageOfSet(redis, list(scope, 'ACTIVE'), { limit: 1 }, bounds);
        if (items[0] === undefined) return undefined;
        const found = await read(scope, parseMember(items[0]));
        if (found?.definition.status === 'ACTIVE') return found.definition;
      }
    },

    async change(scope, name, change) {
      return await untilWritten(async () => {
        const found = await read(scope, name);
        if (!found) return undefined;
        const definition = change(found.definition);
        if (!definition) return found.definition;
        const { revision: _, ...stored } = definition;
        const answer = await run(
          'change-task-definition',
          [key(scope, name)],
          [
            prefix,
            scopeKey(scope),
            name.family,
            name.revision,
            found.storageRevision,
            JSON.stringify(stored),
            definition.status,
            definition.deleteRequestedAt ?? 0,
          ],
        );
        return answer === 'conflict' ? answer : definition;
      });
    },

    async list(scope, { status, family, descending = false }, page) {
      const bounds = { descending, ...(family === undefined ? {} : { first: `[${family}!`, last: `(${family}"` }) };
      const found = await pageOfSet(redis, list(scope, status), page, bounds);
      return { ...found, items: found.items.map(parseMember) };
    },

    async listFamilies(scope, { status, prefix: start = '' }, page) {
      const bounds = start === '' ? {} : { first: `[${start}`, last: `(${start}\xff` };
      return await pageOfSet(redis, `${prefix}:families:${scopeKey(scope)}:${status}`, page, bounds);
    },

    purgeDeleted: async (before, most) =>
      Number(await run('purge-task-definitions', [`${prefix}:deleted-tds`], [prefix, before, most])),
  };
}

function parseMember(member: string): TaskDefinitionName {
  const at = member.lastIndexOf('!');
  return { family: member.slice(0, at), revision: Number(member.slice(at + 1)) };
}
