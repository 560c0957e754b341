/** What an instance holds on this host: processes, mounts, cgroups and so on, of its own alone, so that others do not disturb the count. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { askEngine } from '../engine.ts';
import type { Instance } from './instance.ts';
import { commandLine, processTree } from './process-facts.ts';

export interface Holdings {
  readonly containers: readonly string[];
  readonly volumes: readonly string[];
  readonly networks: readonly string[];
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
  readonly veths: readonly string[];
  /** Those that do not expire. */
  readonly 'Redis keys': readonly string[];
  readonly 'open files': readonly string[];
}

export type Kind = keyof Holdings;

/** Names by which the kernel knows what belongs to containers, also after the engine has forgotten them. */
export type Traces = Set<string>;

/** Adds the traces of all containers that are there now. */
export async function follow(instance: Instance, traces: Traces): Promise<void> {
  for (const id of await containersOf(instance)) {
    const { GraphDriver, NetworkSettings } = (await askEngine(
      instance.settings.dockerHost,
      `/containers/${id}/json`,
    ).catch(() => ({}))) as ContainerFacts;
    traces.add(id);
    const layer = /overlay2\/([0-9a-f]{64})/.exec(GraphDriver?.Data?.MergedDir ?? '')?.[1];
    if (layer !== undefined) traces.add(layer);
    const namespace = NetworkSettings?.SandboxKey?.split('/').at(-1);
    if (namespace && namespace !== 'default') traces.add(`netns/${namespace}`);
  }
}

interface ContainerFacts {
  readonly GraphDriver?: { readonly Data?: { readonly MergedDir?: string } | null };
  readonly NetworkSettings?: { readonly SandboxKey?: string };
}

export async function holdingsOf(instance: Instance, redis: Redis, traces: Traces): Promise<Holdings> {
  const { settings, installation } = instance;
  await follow(instance, traces);
  const labelled = encodeURIComponent(JSON.stringify({ label: [`longshore=${installation}`] }));
  const { Volumes } = (await askEngine(settings.dockerHost, `/volumes?filters=${labelled}`)) as {
    readonly Volumes: readonly { readonly Name: string }[] | null;
  };
  const networks = Object.values(await askEngine(settings.dockerHost, `/networks?filters=${labelled}`)) as {
    readonly Id: string;
    readonly Name: string;
    readonly Options?: Readonly<Record<string, string>>;
  }[];
  const roles = Object.values(instance.processes);
  return {
    containers: await containersOf(instance),
    volumes: (Volumes ?? []).map(({ Name }) => Name),
    networks: networks.map(({ Name }) => Name),
    processes: processesOf(roles, installation, traces),
    mounts: mountsOf(traces),
    cgroups: cgroupsOf(installation),
    veths: networks.flatMap(({ Id, Options }) => list(`/sys/class/net/${bridgeOf(Id, Options)}/brif`)),
    'Redis keys': await lastingKeys(redis),
    'open files': roles.flatMap((pid) => list(`/proc/${pid}/fd`).map((name) => `${pid}/${name}`)),
  };
}

export interface Growth {
  readonly kind: Kind;
  readonly before: number;
  readonly after: number;
  /** There are more than there may be. */
  readonly leaks: boolean;
  /** What is new and belongs to no container that the engine still has. */
  readonly left: readonly string[];
}

/**
 * @param slack how many more there may be of what comes and goes by itself
 */
export function growthOf(before: Holdings, after: Holdings, slack: Partial<Record<Kind, number>> = {}): Growth[] {
  return (Object.keys(after) as Kind[]).map((kind) => {
    const leaks = after[kind].length - before[kind].length > (slack[kind] ?? 0);
    const isNew = (name: string) => !before[kind].includes(name);
    const isLive = (name: string) => kind !== 'containers' && after.containers.some((id) => name.includes(id));
    const left = leaks ? after[kind].filter((name) => isNew(name) && !isLive(name)) : [];
    return { kind, before: before[kind].length, after: after[kind].length, leaks, left };
  });
}

async function containersOf({ settings, installation }: Instance): Promise<readonly string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`longshore=${installation}`] }));
  const found = await askEngine(settings.dockerHost, `/containers/json?all=1&filters=${filters}`);
  return (Object.values(found) as { readonly Id: string }[]).map(({ Id }) => Id);
}

/** Of the instance itself, in its tasks, and those that the engine keeps for each container. */
function processesOf(roles: readonly number[], installation: string, traces: Traces): readonly string[] {
  const own = new Set(roles.flatMap((pid) => [...processTree(pid)]));
  const ids = [...traces];
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const command = commandLine(Number(pid));
      const cgroup = read(`/proc/${pid}/cgroup`);
      const is =
        own.has(Number(pid)) || cgroup.includes(`longshore-${installation}`) || ids.some((id) => command.includes(id));
      const place = cgroup.split('\n').find((line) => line.includes('longshore-')) ?? '';
      return is ? [`${pid} ${command.slice(0, 140)} ${place}`.trim()] : [];
    });
}

function mountsOf(traces: Traces): readonly string[] {
  const ids = [...traces];
  return read('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => ids.some((id) => path.includes(id)));
}

/** In every mounted tree. */
function cgroupsOf(installation: string): readonly string[] {
  const root = '/sys/fs/cgroup';
  const below = (folder: string): string[] =>
    folders(folder).flatMap((name) => [join(folder, name), ...below(join(folder, name))]);
  return [root, ...folders(root).map((name) => join(root, name))]
    .map((tree) => join(tree, `longshore-${installation}`))
    .filter((ours) => existsSync(ours))
    .flatMap((ours) => [ours, ...below(ours)]);
}

function bridgeOf(id: string, options: Readonly<Record<string, string>> = {}): string {
  return options['com.docker.network.bridge.name'] ?? `br-${id.slice(0, 12)}`;
}

async function lastingKeys(redis: Redis): Promise<readonly string[]> {
  const keys = await redis.keys('*');
  const lifetimes = await Promise.all(keys.map(async (key) => await redis.pttl(key)));
  return keys.filter((_, index) => lifetimes[index] === -1);
}

function folders(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return [];
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    // It is gone meanwhile, or was never there.
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
