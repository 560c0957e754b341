/** Workers in Redis: a lease by name, capacity that placement reserves, and the tasks that each holds. */
import { FencedError, WorkerNameTakenError } from '../errors.ts';
import { lostInstance, type Worker, type WorkerRegistration } from '../worker.ts';
import type { Connection } from './connection.ts';
import type { WorkerStore } from './store.ts';

/** Milliseconds without a heartbeat after which a worker gets no new tasks. */
export const leaseLength = 10_000;

export function createWorkerStore({ redis, run, prefix }: Connection): WorkerStore {
  const key = (name: string) => `${prefix}:worker:${name}`;
  const tasks = (name: string) => `${prefix}:worker-tasks:${name}`;

  // A registration changes only when its process does.
  const registrations = new Map<string, { readonly json: string; readonly registration: WorkerRegistration }>();
  function registrationOf(name: string, json: string): WorkerRegistration {
    const known = registrations.get(name);
    if (known?.json === json) return known.registration;
    const registration = JSON.parse(json) as WorkerRegistration;
    registrations.set(name, { json, registration });
    return registration;
  }

  async function read(names: readonly string[]): Promise<Worker[]> {
    const [[seconds, microseconds], ...found] = await Promise.all([
      redis.time(),
      ...names.map((name) => redis.hmget(key(name), ...fields)),
    ]);
    const ahead = Number(seconds) * 1000 + Number(microseconds) / 1000 - Date.now();
    return found.flatMap(([json, ...numbers], index) =>
      json ? [{ ...registrationOf(names[index] ?? '', json), ...parseNumbers(numbers, ahead) }] : [],
    );
  }

  async function heartbeat(name: string, instance: string, since: number, lease: number) {
    const answer = await run('heartbeat-worker', [key(name), tasks(name)], [instance, lease, since]);
    if (!Array.isArray(answer))
      throw new FencedError(
        `Worker ${name} is not this process any more: another took it over, or it was away for too long.`,
      );
    const [position, ...changed] = answer as [number, ...string[]];
    return { changed, position };
  }

  return {
    list: async () => await read(await redis.smembers(`${prefix}:workers`)),
    get: async (name) => (await read([name]))[0],

    async register(registration, isDead) {
      const take = async (dead: string) =>
        (await run(
          'register-worker',
          [key(registration.name), `${prefix}:workers`, tasks(registration.name)],
          [
            registration.name,
            registration.instance,
            dead,
            leaseLength,
            JSON.stringify(registration),
            registration.cpu,
            registration.memory,
            registration.slots,
            registration.disk ?? '',
            registration.runtime,
          ],
        )) as [number, string, number?];
      const first = await take('');
      const holder = first[0] === 0 ? (JSON.parse(first[1]) as WorkerRegistration) : undefined;
      const [outcome, runtime, held] = holder && isDead(holder) ? await take(holder.instance) : first;
      if (outcome === 1) return;
      if (outcome === 2) {
        const tasks = `${held} ${held === 1 ? 'task' : 'tasks'}`;
        throw new WorkerNameTakenError(
          `Worker ${registration.name} still has ${tasks} with the runtime ${runtime}: start it with LONGSHORE_RUNTIME=${runtime} until they have ended, or give this one another name (--worker-name).`,
        );
      }
      throw new WorkerNameTakenError(
        `A worker named ${registration.name} is running already (process ${holder?.process.pid}); give this one another name, or wait ${leaseLength / 1000} seconds after the other one ended.`,
      );
    },

    async open(name, instance, slots) {
      await heartbeat(name, instance, Number.MAX_SAFE_INTEGER, leaseLength);
      await run('open-worker', [key(name)], [prefix, slots]);
    },

    heartbeat: async (name, instance, since) => await heartbeat(name, instance, since, leaseLength),

    async release(name, instance) {
      await heartbeat(name, instance, Number.MAX_SAFE_INTEGER, 0);
    },

    tasks: async (name) => await redis.zrange(tasks(name), '0', '-1'),

    async leaseNetworkRange(name, ranges, taken) {
      const index = Number(await run('lease-network-range', [`${prefix}:network-ranges`], [name, ranges, ...taken]));
      return index < 0 ? undefined : index;
    },

    claimLost: async (lostAfter, longestStep) =>
      (await run(
        'claim-lost-workers',
        [`${prefix}:workers`, `${prefix}:worker-watch`],
        [prefix, lostAfter, longestStep, lostInstance],
      )) as string[],

    async purgeAbandoned(before) {
      return Number(await run('purge-workers', [`${prefix}:workers`, `${prefix}:network-ranges`], [prefix, before]));
    },
  };
}

const fields = [
  'json',
  'cpu',
  'memory',
  'slots',
  'cpuUsed',
  'memoryUsed',
  'slotsUsed',
  'leaseUntil',
  'diskUsed',
  'released',
] as const;

function parseNumbers(
  numbers: readonly (string | null)[],
  ahead: number,
): Omit<Worker, keyof WorkerRegistration> & Pick<Worker, 'cpu' | 'memory' | 'slots'> {
  const [
    cpu = 0,
    memory = 0,
    slots = 0,
    cpuUsed = 0,
    memoryUsed = 0,
    slotsUsed = 0,
    leaseUntil = 0,
    diskUsed = 0,
    released = 0,
  ] = numbers.map(Number);
  return {
    cpu,
    memory,
    slots,
    cpuUsed,
    memoryUsed,
    slotsUsed,
    diskUsed,
    leaseUntil: leaseUntil - ahead,
    released: released === 1,
  };
}
