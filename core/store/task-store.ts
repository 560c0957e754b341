/** Tasks in Redis: one hash each (what was asked, wanted and observed), lists by desired status, counters by cluster. */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { FencedError, WorkersAwayError } from '../errors.ts';
import { advance, desiredStatus, lastStatus, lifecycle } from '../lifecycle.ts';
import { fits, mayCome, rankForAll, suits, type TaskNeeds, withTask } from '../placement.ts';
import { type Scope, scopeKey } from '../scope.ts';
import { type Observed, type Task, type TaskSpec, taskKey, type Wanted } from '../task.ts';
import type { Worker } from '../worker.ts';
import { type Connection, longestEventStream, pageOfSet, untilWritten } from './connection.ts';
import type { NewTask, PlaceRequest, PlaceResult, TaskFilter, TaskStore } from './store.ts';

/** RunTask's clientToken is remembered this long. */
const tokenLife = 24 * 3600 * 1000;
/** Workers that one reservation may try, best first. */
const candidates = 4;
/** How old the picture of the workers may be that placement starts from, milliseconds; the reservation is exact anyway. */
const pictureAge = 1000;
/** Added for each worker, because a picture of many costs more. */
const pictureAgeForEach = 2;
/** Rounds that placement goes on while other requests are quicker. */
const rounds = 50;

/** How long a worker that is away, as after a restart of Redis, is waited for, and between two looks, milliseconds. */
const awayPatience = 3000;
const awayPause = 200;

type Placed = Extract<PlaceResult, { outcome: 'placed' }>;

const fresh: Observed = { containers: {} };

export function createTaskStore(connection: Connection, listWorkers: () => Promise<readonly Worker[]>): TaskStore {
  const { redis, run, prefix, wake } = connection;
  const key = (scope: Scope, id: string) => `${prefix}:task:${scopeKey(scope)}:${id}`;

  const tokenKey = (scope: Scope, value: string) => `${prefix}:token:${scopeKey(scope)}:${value}`;

  let picture: Promise<{ readonly workers: Map<string, Worker>; readonly at: number }> | undefined;
  async function workers(newest: boolean): Promise<Map<string, Worker>> {
    const known = newest ? undefined : await picture?.catch(() => undefined);
    if (known && Date.now() - known.at < pictureAge + pictureAgeForEach * known.workers.size) return known.workers;
    picture = listWorkers().then((list) => ({
      workers: new Map(list.map((worker) => [worker.name, worker])),
      at: Date.now(),
    }));
    return (await picture).workers;
  }

  const get: TaskStore['get'] = async (scope, ids) => {
    const found = await Promise.all(ids.map((id) => redis.hmget(key(scope, id), ...fields)));
    return found.map(parse);
  };

  async function reserve(
    scope: Scope,
    request: PlaceRequest,
    round: { readonly id: string; readonly tasks: readonly NewTask[]; readonly workers: Map<string, Worker> },
  ): Promise<unknown[]> {
    const cluster = `${prefix}:cluster:${scopeKey(scope)}:${request.clusterName}`;
    const token = request.token && tokenKey(scope, request.token.value);
    const args: (string | number)[] = [
      prefix,
      round.id,
      request.token?.requestDigest ?? '',
      tokenLife,
      longestEventStream,
      request.service?.key ?? '',
      request.service?.revision ?? '',
      request.service?.deploymentId ?? '',
    ];
    const specs = round.tasks.map(({ spec }) => spec);
    const rankings = rankForAll(specs, [...round.workers.values()], Date.now(), candidates);
    for (const [index, { spec, wanted }] of round.tasks.entries()) {
      const ranked = rankings[index] ?? [];
      const best = ranked[0];
      // The next request goes by the same picture.
      if (best) round.workers.set(best.name, withTask(best, spec));
      const indexes = indexNames(spec);
      args.push(spec.taskId, taskKey(spec), JSON.stringify(spec), JSON.stringify(wanted), JSON.stringify(fresh));
      args.push(spec.cpu, spec.memory, spec.ephemeralStorageGiB, `${scopeKey(scope)}:${request.clusterName}`);
      args.push(`${scopeKey(scope)}:${spec.family}:${spec.revision}`, spec.runtime ?? '');
      args.push(ranked.length, ...ranked.map((worker) => worker.name), indexes.length, ...indexes);
    }
    return (await run('place-tasks', token ? [cluster, token] : [cluster], args)) as unknown[];
  }

  async function repeated(scope: Scope, same: boolean, joined: string) {
    const ids = joined.split(' ');
    const tasks = (await get(scope, ids)).filter((task) => task !== undefined);
    return { outcome: same ? ('repeated' as const) : ('token-conflict' as const), tasks, placed: ids.length };
  }

  return {
    get,

    async placedBefore(scope, { value, requestDigest }) {
      const [digest, ids] = await redis.hmget(tokenKey(scope, value), 'digest', 'ids');
      return ids ? await repeated(scope, digest === requestDigest, ids) : undefined;
    },

    async place(scope, request): Promise<PlaceResult> {
      const id = randomUUID();
      const placed = new Map<string, Task>();
      const deadline = Date.now() + awayPatience;
      let waiting = request.tasks;
      let known = new Map<string, Worker>();
      for (let round = 0; waiting.length > 0 && round < rounds; round += 1) {
        known = await workers(round > 0);
        const now = Date.now();
        const some = (can: (needs: TaskNeeds, worker: Worker, now: number) => boolean) =>
          waiting.some(({ spec }) => [...known.values()].some((worker) => can(spec, worker, now)));
        if (round > 0 && !some(fits)) {
          if (!some(mayCome)) break;
          if (now > deadline && placed.size > 0) break;
          if (now > deadline) throw new WorkersAwayError('The workers that may have room are away.');
          await setTimeout(awayPause);
          continue;
        }
        const answer = await reserve(scope, request, { id, tasks: waiting, workers: known });
        if (answer[0] === 'cluster-inactive') return { outcome: 'cluster-inactive' };
        if (answer[0] === 'service-changed') {
          if (placed.size === 0) return { outcome: 'service-changed' };
          // What was placed is told; the rest is for the next look to decide.
          break;
        }
        if (answer[0] === 'token') {
          return await repeated(scope, answer[1] === request.token?.requestDigest, String(answer[2]));
        }
        for (const [index, { spec, wanted }] of waiting.entries()) {
          const worker = String(answer[index + 1]);
          if (worker === '') continue;
          placed.set(spec.taskId, { spec: { ...spec, worker }, wanted, observed: fresh, version: 1, revision: 1 });
        }
        waiting = waiting.filter(({ spec }) => !placed.has(spec.taskId));
      }
      const tasks = request.tasks.flatMap(({ spec }) => placed.get(spec.taskId) ?? []);
      for (const [worker, own] of groupByWorker(tasks)) wake(worker, own.map(taskKeyOf));
      return { outcome: 'placed', tasks, unplaced: waiting.length, ...lacking(waiting, [...known.values()]) };
    },

    async want(scope, id, change) {
      const written = await untilWritten(async () => {
        const [task] = await get(scope, [id]);
        if (!task) return undefined;
        const wanted = change(task);
        if (!wanted) return { task, changed: false };
        const next = advance(task, { wanted });
        const answer = await write(connection, task, next, 'wanted', '');
        return answer === 'conflict' ? answer : { task: answer, changed: true };
      });
      if (written?.changed) wake(written.task.spec.worker, [taskKeyOf(written.task)]);
      return written?.task;
    },

    async observe(task, instance, change) {
      let current: Task = task;
      return await untilWritten(async () => {
        const observed = change(current);
        if (!observed) return current;
        const answer = await write(connection, current, advance(current, { observed }), 'observed', instance);
        if (answer !== 'conflict') return answer;
        const [newest] = await get(current.spec, [current.spec.taskId]);
        if (!newest) throw new Error(`Task ${current.spec.taskId} is no longer recorded.`);
        current = newest;
        return 'conflict' as const;
      });
    },

    async list(scope, filter, page) {
      const names = filterIndexes(scope, filter);
      const first = `${prefix}:tasks:${filter.desiredStatus}:${names[0]}`;
      if (names.length === 1) return await pageOfSet(redis, first, page);
      return await intersection(names.slice(1).map((name) => `${prefix}:tasks:${filter.desiredStatus}:${name}`));

      async function intersection(others: readonly string[]) {
        const items: string[] = [];
        let after = page.after;
        for (;;) {
          const some = await pageOfSet(redis, first, { ...(after === undefined ? {} : { after }), limit: 1000 });
          const scores = await Promise.all(
            others.map(async (other) => (some.items.length > 0 ? await redis.zmscore(other, ...some.items) : [])),
          );
          for (const [index, id] of some.items.entries()) {
            if (scores.some((score) => score[index] === null)) continue;
            if (items.length === page.limit) return { items, next: items.at(-1) as string };
            items.push(id);
          }
          if (some.next === undefined) return { items };
          after = some.next;
        }
      }
    },

    purgeStopped: async (before, most) =>
      Number(await run('purge-stopped-tasks', [`${prefix}:stopped-tasks`], [prefix, before, most])),
  };
}

function lacking(waiting: readonly NewTask[], workers: readonly Worker[]): Pick<Placed, 'lacking'> {
  const living = workers.filter(({ leaseUntil }) => leaseUntil > Date.now());
  const [first] = waiting;
  if (first === undefined) return {};
  if (living.length === 0) return { lacking: 'workers' };
  if (living.some((worker) => suits(first.spec, worker))) return {};
  const { cpuArchitecture } = first.spec;
  return { lacking: living.some((worker) => suits({ cpuArchitecture }, worker)) ? 'runtime' : 'architecture' };
}

const fields = ['spec', 'wanted', 'observed', 'version', 'revision', 'worker'] as const;

function parse([spec, wanted, observed, version, revision, worker]: readonly (string | null)[]): Task | undefined {
  if (!spec || !wanted || !observed) return undefined;
  return {
    spec: { ...(JSON.parse(spec) as Omit<TaskSpec, 'worker'>), worker: worker ?? '' },
    wanted: JSON.parse(wanted) as Wanted,
    observed: JSON.parse(observed) as Observed,
    version: Number(version),
    revision: Number(revision),
  };
}

/** @throws FencedError when `instance` is no longer the holder of the task's worker name */
async function write(
  { run, prefix }: Connection,
  before: Task,
  after: Task,
  side: 'wanted' | 'observed',
  instance: string,
): Promise<Task | 'conflict'> {
  const key = taskKey(before.spec);
  const [from, to] = [lastStatus(before), lastStatus(after)];
  const answer = await run(
    'change-task',
    [`${prefix}:task:${key}`],
    [
      prefix,
      key,
      before.revision,
      side,
      JSON.stringify(after[side]),
      after.version === before.version ? '' : after.version,
      to,
      desiredStatus(after),
      desiredStatus(before),
      lifecycle[from].counted,
      lifecycle[to].counted,
      instance,
      to === 'STOPPED' && from !== 'STOPPED' ? (after.observed.stoppedAt ?? '') : '',
      longestEventStream,
    ],
  );
  if (answer === 'fenced') throw new FencedError(`Another process took over worker ${before.spec.worker}.`);
  if (answer === 'missing') throw new Error(`Task ${before.spec.taskId} is no longer recorded.`);
  return answer === 'conflict' ? answer : { ...after, revision: Number(answer) };
}

/** Names of the lists that a task is in; ListTasks picks the narrowest one. */
function indexNames(spec: Omit<TaskSpec, 'worker'>): string[] {
  return filterIndexes(spec, { ...spec, desiredStatus: 'RUNNING' }).concat(clusterIndex(spec, spec.clusterName));
}

function filterIndexes(scope: Scope, filter: TaskFilter): string[] {
  const cluster = clusterIndex(scope, filter.clusterName);
  const names = [
    ...(filter.startedBy === undefined ? [] : [`${cluster}:startedBy:${filter.startedBy}`]),
    ...(filter.serviceName === undefined ? [] : [`${cluster}:service:${filter.serviceName}`]),
    ...(filter.family === undefined ? [] : [`${cluster}:family:${filter.family}`]),
  ];
  return names.length > 0 ? names : [cluster];
}

function clusterIndex(scope: Scope, name: string): string {
  return `${scopeKey(scope)}:${name}`;
}

function groupByWorker(tasks: readonly Task[]): Map<string, Task[]> {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) groups.set(task.spec.worker, [...(groups.get(task.spec.worker) ?? []), task]);
  return groups;
}

function taskKeyOf(task: Task): string {
  return taskKey(task.spec);
}
