/** Log groups and streams: in memory for looking up, in a LevelDB for keeps. */
import { ClassicLevel } from 'classic-level';
import type { Scope } from '../../../core/scope.ts';

export interface LogGroup extends Scope {
  readonly id: number;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly creationTime: number;
  /** Absent: events never expire. */
  readonly retentionInDays?: number;
  readonly logGroupClass: 'STANDARD' | 'INFREQUENT_ACCESS' | 'DELIVERY';
  readonly tags: Readonly<Record<string, string>>;
}

export interface LogStream {
  /** Never given twice. */
  readonly id: number;
  readonly groupId: number;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly creationTime: number;
}

export interface Catalog {
  group(scope: Scope, name: string): LogGroup | undefined;
  /** In the order of names. */
  groups(scope: Scope): readonly LogGroup[];
  everyGroup(): Iterable<LogGroup>;
  stream(groupId: number, name: string): LogStream | undefined;
  streams(groupId: number): Iterable<LogStream>;
  streamById(id: number): LogStream | undefined;
  groupById(id: number): LogGroup | undefined;
  /** undefined: there is one of this name. */
  createGroup(group: Omit<LogGroup, 'id'>): Promise<LogGroup | undefined>;
  /** undefined: there is no such group. */
  changeGroup(id: number, change: (group: LogGroup) => LogGroup): Promise<LogGroup | undefined>;
  /** Removes it with its streams, which are returned. */
  deleteGroup(id: number): Promise<readonly LogStream[]>;
  /** undefined: there is one of this name. */
  createStream(stream: Omit<LogStream, 'id'>): Promise<LogStream | undefined>;
  deleteStream(id: number): Promise<void>;
  close(): Promise<void>;
}

const groupKey = (id: number) => `g${id}`;
const streamKey = (id: number) => `s${id}`;
const nextKey = 'n';
const scopeKey = ({ accountId, region }: Scope) => `${accountId}:${region}`;

/** @throws Error with code LEVEL_DATABASE_NOT_OPEN and cause LEVEL_LOCKED when another process has it */
export async function openCatalog(folder: string): Promise<Catalog> {
  let database = await openDatabase(folder);
  let broken = false;
  const groups = new Map<number, LogGroup>();
  const names = new Map<string, Map<string, LogGroup>>();
  const streams = new Map<number, LogStream>();
  const streamsOf = new Map<number, Map<string, LogStream>>();
  let next = 1;
  for await (const [key, value] of database.iterator()) {
    if (key === nextKey) next = Number(value);
    else if (key.startsWith('g')) putGroup(JSON.parse(value) as LogGroup);
    else putStream(JSON.parse(value) as LogStream);
  }

  function putGroup(group: LogGroup): void {
    groups.set(group.id, group);
    const scope = scopeKey(group);
    const known = names.get(scope) ?? new Map<string, LogGroup>();
    names.set(scope, known.set(group.name, group));
    if (!streamsOf.has(group.id)) streamsOf.set(group.id, new Map());
  }

  function putStream(stream: LogStream): void {
    streams.set(stream.id, stream);
    const known = streamsOf.get(stream.groupId) ?? new Map<string, LogStream>();
    streamsOf.set(stream.groupId, known.set(stream.name, stream));
  }

  let turn: Promise<unknown> = Promise.resolve();
  /** One change after another: what is looked up before a write still holds when it is made. */
  function inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = turn.then(action);
    turn = result.catch(() => {});
    return result;
  }

  async function write(
    operations: readonly ({ type: 'put'; key: string; value: string } | { type: 'del'; key: string })[],
  ): Promise<void> {
    if (broken) {
      // After a write that failed LevelDB takes no more of them until it has been opened again.
      await database.close();
      database = await openDatabase(folder);
      broken = false;
    }
    try {
      await database.batch([...operations], { sync: true });
    } catch (error) {
      broken = true;
      throw error;
    }
  }

  return {
    group: (scope, name) => names.get(scopeKey(scope))?.get(name),
    groups: (scope) =>
      [...(names.get(scopeKey(scope))?.values() ?? [])].sort((one, other) => (one.name < other.name ? -1 : 1)),
    everyGroup: () => groups.values(),
    stream: (groupId, name) => streamsOf.get(groupId)?.get(name),
    streams: (groupId) => streamsOf.get(groupId)?.values() ?? [],
    streamById: (id) => streams.get(id),
    groupById: (id) => groups.get(id),

    createGroup: (group) =>
      inTurn(async () => {
        if (names.get(scopeKey(group))?.has(group.name)) return undefined;
        const created: LogGroup = { ...group, id: next };
        await write([
          { type: 'put', key: nextKey, value: String(next + 1) },
          { type: 'put', key: groupKey(created.id), value: JSON.stringify(created) },
        ]);
        next += 1;
        putGroup(created);
        return created;
      }),

    changeGroup: (id, change) =>
      inTurn(async () => {
        const group = groups.get(id);
        if (group === undefined) return undefined;
        const changed = change(group);
        await write([{ type: 'put', key: groupKey(id), value: JSON.stringify(changed) }]);
        putGroup(changed);
        return changed;
      }),

    deleteGroup: (id) =>
      inTurn(async () => {
        const group = groups.get(id);
        if (group === undefined) return [];
        const gone = [...(streamsOf.get(id)?.values() ?? [])];
        await write([
          { type: 'del', key: groupKey(id) },
          ...gone.map((stream) => ({ type: 'del' as const, key: streamKey(stream.id) })),
        ]);
        groups.delete(id);
        names.get(scopeKey(group))?.delete(group.name);
        streamsOf.delete(id);
        for (const stream of gone) streams.delete(stream.id);
        return gone;
      }),

    createStream: (stream) =>
      inTurn(async () => {
        if (!groups.has(stream.groupId) || streamsOf.get(stream.groupId)?.has(stream.name)) return undefined;
        const created: LogStream = { ...stream, id: next };
        await write([
          { type: 'put', key: nextKey, value: String(next + 1) },
          { type: 'put', key: streamKey(created.id), value: JSON.stringify(created) },
        ]);
        next += 1;
        putStream(created);
        return created;
      }),

    deleteStream: (id) =>
      inTurn(async () => {
        const stream = streams.get(id);
        if (stream === undefined) return;
        await write([{ type: 'del', key: streamKey(id) }]);
        streams.delete(id);
        streamsOf.get(stream.groupId)?.delete(stream.name);
      }),

    close: async () => await database.close(),
  };
}

async function openDatabase(folder: string): Promise<ClassicLevel<string, string>> {
  const database = new ClassicLevel<string, string>(folder, { cacheSize: 2 ** 20 });
  await database.open();
  return database;
}
