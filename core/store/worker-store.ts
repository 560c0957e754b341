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

  async function read(names: readonly string[]): Promise<Worker[]> {
    const [[seconds, microseconds], ...found] = await Promise.all([
      redis.time(),
      ...names.map((name) => redis.hmget(key(name), ...fields)),
    ]);
    const ahead = Number(seconds) * 1000 + Number(microseconds) / 1000 - Date.now();
    return found.flatMap((hash) => parse(hash, ahead) ?? []);
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
          [key(registration.name), `${prefix}:workers`],
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
          ],
        )) as [number, string];
      const [taken, json] = await take('');
      if (taken === 1) return;
      const holder = JSON.parse(json) as WorkerRegistration;
      const [takenOver] = isDead(holder) ? await take(holder.instance) : [0];
      if (takenOver !== 1) {
        throw new WorkerNameTakenError(
          `A worker named ${registration.name} is running already (process ${holder.process.pid}); give this one another name, or wait ${leaseLength / 1000} seconds after the other one ended.`,
        );
      }
    },

    async open(name, instance, slots) {
      await heartbeat(name, instance, Number.MAX_SAFE_INTEGER, leaseLength);
      await redis.hset(key(name), 'slots', slots);
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
] as const;

function parse(hash: readonly (string | null)[], ahead: number): Worker | undefined {
  const [json, cpu, memory, slots, cpuUsed, memoryUsed, slotsUsed, leaseUntil, diskUsed] = hash;
  if (!json) return undefined;
  return {
    ...(JSON.parse(json) as WorkerRegistration),
    cpu: Number(cpu),
    memory: Number(memory),
    slots: Number(slots),
    cpuUsed: Number(cpuUsed),
    memoryUsed: Number(memoryUsed),
    diskUsed: Number(diskUsed ?? 0),
    slotsUsed: Number(slotsUsed),
    leaseUntil: Number(leaseUntil) - ahead,
  };
}
