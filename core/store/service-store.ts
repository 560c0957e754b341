/** Services in Redis: one hash each, its tasks, events and history beside it, and lists of those that need a look. */
import { scopeKey } from '../scope.ts';
import {
  parseServiceKey,
  type Service,
  type ServiceDeployment,
  type ServiceEvent,
  type ServiceKey,
  type ServiceRevision,
  serviceKey,
} from '../service/service.ts';
import { serviceTask } from '../service-plan/service-task.ts';
import { type Connection, pageOfSet, untilWritten } from './connection.ts';
import type { ServiceLook, ServiceStore, ServiceWrite, StoredService, TaskStore } from './store.ts';

export function createServiceStore({ redis, run, prefix }: Connection, tasks: Pick<TaskStore, 'get'>): ServiceStore {
  const record = (key: ServiceKey) => `${prefix}:service:${key}`;
  const tasksOf = (key: ServiceKey) => `${prefix}:service-tasks:${key}`;
  const countsOf = (key: ServiceKey) => `${prefix}:service-counts:${key}`;
  const [work, timers, waiting] = ['service-work', 'service-timers', 'service-waiting'].map(
    (list) => `${prefix}:${list}`,
  ) as [string, string, string];

  async function read(key: ServiceKey) {
    const [[json, revision, started], counts] = await Promise.all([
      redis.hmget(record(key), 'json', 'revision', 'started'),
      redis.hgetall(countsOf(key)),
    ]);
    if (!json) return undefined;
    return {
      service: JSON.parse(json) as Service,
      revision: Number(revision),
      counts: parseCounts(counts),
      started: started ? started.split(' ') : [],
    };
  }

  const write: ServiceStore['write'] = async (before, change) => {
    const { service, events = [], settled = [] } = change;
    const key = serviceKey(service);
    const newest = service.serviceDeployment;
    const history = [
      ...(change.history ?? []),
      ...(newest && newest !== before?.service.serviceDeployment ? [newest] : []),
    ];
    const revisions = changedRevisions(before?.service, service);
    const answer = await run(
      'write-service',
      [record(key)],
      [
        ...[prefix, key, before?.revision ?? '', JSON.stringify(service), service.status],
        ...[`${scopeKey(service)}:${service.clusterName}`, service.name, change.toldStarted ? '1' : ''],
        change.work === 'new' ? 'new' : change.work === 'done' ? (before?.work ?? '') : '',
        listArgument(change.lookAgainAt),
        listArgument(change.waitsSince),
        definitionsOf(service).join(' '),
        ...[history.length, ...history.flatMap((each) => [each.id, each.createdAt, JSON.stringify(each)])],
        ...[events.length, ...events.map((event) => JSON.stringify(event))],
        ...[revisions.length, ...revisions.flatMap((revision) => [revision.id, JSON.stringify(revision)])],
        ...[settled.length, ...settled],
      ],
    );
    return answer === 'conflict' || answer === 'cluster-inactive' ? answer : Number(answer);
  };

  async function fieldsOf<T>(hash: string, ids: readonly string[]): Promise<(T | undefined)[]> {
    if (ids.length === 0) return [];
    const found = await redis.hmget(hash, ...ids);
    return found.map((json) => (json ? (JSON.parse(json) as T) : undefined));
  }

  return {
    async get(scope, clusterName, names) {
      return await Promise.all(names.map((name) => read(serviceKey({ ...scope, clusterName, name }))));
    },

    async look(key): Promise<ServiceLook | undefined> {
      // In this order: what changes after it was read is noticed by the number or by the revision.
      const number = await redis.zscore(work, key);
      const stored = await read(key);
      if (!stored) return undefined;
      const [ids, waits, timer] = await Promise.all([
        redis.smembers(tasksOf(key)),
        redis.zscore(waiting, key),
        redis.zscore(timers, key),
      ]);
      const found = await tasks.get(parseServiceKey(key), ids);
      return {
        ...stored,
        tasks: found.flatMap((task) => (task ? [serviceTask(task)] : [])),
        gone: ids.filter((_, index) => found[index] === undefined),
        isWaiting: waits !== null,
        ...(number !== null && { work: number }),
        ...(timer !== null && { timer: Number(timer) }),
      };
    },

    write,

    async rest({ service, revision, work: number }, lookAgainAt) {
      const key = serviceKey(service);
      const answer = await run('rest-service', [record(key)], [prefix, key, revision, number ?? '', lookAgainAt ?? '']);
      return answer !== 'conflict';
    },

    async change(name, change) {
      const key = serviceKey(name);
      return await untilWritten(async () => {
        const stored = await read(key);
        if (!stored) return undefined;
        const changed = change(stored.service, stored);
        if (!changed) return stored;
        const answer = await write(stored, { work: 'new', ...changed });
        if (answer === 'conflict') return answer;
        if (answer === 'cluster-inactive') throw new Error(`Cluster ${name.clusterName} is not ACTIVE.`);
        return { ...stored, service: changed.service, revision: answer };
      });
    },

    async touch(key) {
      const number = await redis.incr(`${prefix}:service-sequence`);
      await redis.zadd(work, number, key);
    },

    async events(key) {
      const found = await redis.lrange(`${prefix}:service-events:${key}`, '0', '-1');
      return found.map((json) => JSON.parse(json) as ServiceEvent);
    },

    deployments: async (key, ids) => await fieldsOf<ServiceDeployment>(`${prefix}:service-deployments:${key}`, ids),

    async history(key) {
      const ids = await redis.zrevrange(`${prefix}:service-deployment-order:${key}`, 0, -1);
      const found = await fieldsOf<ServiceDeployment>(`${prefix}:service-deployments:${key}`, ids);
      return found.filter((each) => each !== undefined);
    },

    revisions: async (key, ids) => await fieldsOf<ServiceRevision>(`${prefix}:service-revisions:${key}`, ids),

    list: async (scope, clusterName, page) =>
      await pageOfSet(redis, `${prefix}:services:${scopeKey(scope)}:${clusterName}`, page),

    async due(now, most) {
      const [withWork, timed] = await Promise.all([
        redis.zrange(work, '0', String(most - 1)),
        redis.zrangebyscore(timers, '-inf', now, 'LIMIT', 0, most),
      ]);
      return [...new Set([...withWork, ...timed])];
    },

    async takeWaiting(most) {
      const taken = await redis.zpopmin(waiting, most);
      return taken.filter((_, index) => index % 2 === 0);
    },

    purgeInactive: async (before, most) =>
      Number(await run('purge-services', [`${prefix}:inactive-services`], [prefix, before, most])),
  };
}

function listArgument(value: number | null | undefined): number | string {
  return value === undefined ? 'keep' : (value ?? '');
}

function parseCounts(hash: Readonly<Record<string, string>>): StoredService['counts'] {
  const counts: Record<string, { running: number; pending: number }> = {};
  for (const [field, value] of Object.entries(hash)) {
    const [deployment = '', counter] = field.split('!');
    const of = counts[deployment] ?? { running: 0, pending: 0 };
    counts[deployment] = of;
    if (counter === 'running' || counter === 'pending') of[counter] = Number(value);
  }
  return counts;
}

/** What the service may start tasks from, each once: until it is INACTIVE, that of a rollback too. */
function definitionsOf(service: Service): readonly string[] {
  if (service.status === 'INACTIVE') return [];
  const deployments = service.lastCompleted ? [...service.deployments, service.lastCompleted] : service.deployments;
  const names = deployments.map(({ revision }) => `${scopeKey(service)}:${revision.family}:${revision.revision}`);
  return [...new Set(names)].sort();
}

/** Revisions that are new, or of which more is known than before. */
function changedRevisions(before: Service | undefined, after: ServiceWrite['service']): readonly ServiceRevision[] {
  const known = new Map(before?.deployments.map(({ revision }) => [revision.id, revision]));
  return after.deployments.map(({ revision }) => revision).filter((revision) => known.get(revision.id) !== revision);
}
