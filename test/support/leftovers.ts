/** What must be gone when the last task has ended: in the runtime, in the kernel, in Redis. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sweep } from '../../core/sweep.ts';
import { connectEngine } from '../../runtime/docker/engine.ts';
import { eventually } from './eventually.ts';
import type { Instance } from './processes.ts';

/**
 * Waits until nothing of any task is left (all must have been stopped); fails with what is.
 * The worker must be running: it removes what it finds.
 */
export async function nothingLeft(instance: Instance): Promise<void> {
  let found: readonly string[] = [];
  try {
    await eventually(
      'nothing to be left',
      async () => {
        // Stopped tasks are kept for those who ask; forget them now.
        await sweep(instance.store, { stoppedTaskRetention: 0, workerLostAfter: 0 }, Date.now() + 1000);
        found = [
          ...(await instance.leftInRuntime()),
          ...(await leftInEngine(instance)),
          ...(await leftInRedis(instance)),
        ];
        return found.length === 0 ? true : undefined;
      },
      // A job that Redis gave away as it died comes back when its lock has run out.
      45_000,
    );
  } catch (error) {
    throw new Error(`left behind: ${found.join(', ')}`, { cause: error });
  }
}

/** Containers, network endpoints and cgroups, asked for in another way than the driver does. */
async function leftInEngine(instance: Instance): Promise<readonly string[]> {
  if (instance.runtime !== 'docker') return [];
  const engine = connectEngine(instance.dockerHost);
  try {
    const containers = await engine.docker.listContainers({
      all: true,
      filters: { label: [`longshore=${instance.installation}`] },
    });
    const inPool = (name: string) => name.includes('_pool.');
    const network = await engine.docker.getNetwork(`longshore-${instance.installation}`).inspect();
    const endpoints = Object.values(network.Containers as Record<string, { readonly Name: string }>);
    return [
      ...containers.flatMap(({ Names }) => (inPool(Names[0] ?? '') ? [] : [`container ${Names[0]}`])),
      ...endpoints.flatMap(({ Name }) => (inPool(Name) ? [] : [`endpoint ${Name}`])),
      ...cgroupsOf(instance.installation),
    ];
  } finally {
    engine.close();
  }
}

/** Folders of tasks in every mounted cgroup tree. */
export function cgroupsOf(installation: string): readonly string[] {
  const root = '/sys/fs/cgroup';
  if (!existsSync(root)) return [];
  return [root, ...readdirSync(root).map((name) => join(root, name))].flatMap((tree) => {
    const ours = join(tree, `longshore-${installation}`);
    if (!existsSync(ours)) return [];
    return readdirSync(ours, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('@'))
      .map(({ name }) => `cgroup ${join(ours, name)}`);
  });
}

async function leftInRedis({ redis, prefix }: Instance): Promise<readonly string[]> {
  const keys = await redis.keys('*');
  const of = (kind: string) => keys.filter((key) => key.startsWith(`${prefix}:${kind}:`));
  const counted = await Promise.all(
    [...of('worker'), ...of('cluster'), ...of('td')].map(async (key) => {
      const fields = await redis.hmget(
        key,
        'cpuUsed',
        'memoryUsed',
        'slotsUsed',
        'live',
        'pending',
        'running',
        'tasks',
      );
      return fields.some((value) => value !== null && value !== '0') ? [`${key} counts ${fields.join(' ')}`] : [];
    }),
  );
  // A job is a hash under its number; its queue's own keys are few and stay.
  const jobs = keys.filter((key) => /:queue:tasks-[^:]+:\d+(:|$)/.test(key));
  return [...of('task'), ...of('tasks'), ...of('worker-tasks'), ...counted.flat(), ...jobs];
}
