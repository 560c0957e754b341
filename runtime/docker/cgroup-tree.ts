/** The cgroup file systems of this host, written directly. Paths are relative to the root of each hierarchy. */
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Limits } from '../driver.ts';

export interface CgroupTree {
  readonly version: 1 | 2;
  /** Where the controllers are mounted. */
  readonly controllers: { readonly cpu: string; readonly memory: string; readonly pids: string };
  /** Every hierarchy: the engine makes its directories in all of them and leaves parents behind. */
  readonly mounts: readonly string[];
}

const PERIOD = 100_000;
/** At a tenth of a second each. */
const killRounds = 100;

/** The tree, or one sentence part saying why it is not usable. */
export async function readTree(version: 1 | 2): Promise<CgroupTree | string> {
  let lines: string[];
  try {
    lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  } catch (error) {
    return `the host has no /proc (${(error as Error).message})`;
  }
  const mounts = lines.flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, path] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    return path !== undefined && (type === 'cgroup' || type === 'cgroup2')
      ? [{ root, path, type, options: options.split(',') }]
      : [];
  });
  const whole = mounts.filter(({ root }) => root === '/');
  const find = (controller: string) =>
    whole.find(({ type, options }) =>
      version === 2 ? type === 'cgroup2' : type === 'cgroup' && options.includes(controller),
    )?.path;
  const [cpu, memory, pids] = [find('cpu'), find('memory'), find('pids')];
  if (!cpu || !memory || !pids)
    return `the cgroup v${version} controllers cpu, memory and pids are not all mounted here`;
  const paths = version === 2 ? [cpu] : whole.map(({ path }) => path);
  return { version, controllers: { cpu, memory, pids }, mounts: [...new Set(paths)] };
}

/**
 * Makes the group where it is missing and sets its limits. With version 2 a group holds either processes or groups that
 * are limited: which of them, the caller says.
 */
export async function writeLimits(
  tree: CgroupTree,
  group: string,
  limits: Limits,
  holds: 'groups' | 'processes' = 'groups',
): Promise<void> {
  if (tree.version === 2) await writeV2(tree.controllers.memory, group, limits, holds);
  else await writeV1(tree, group, limits);
}

async function writeV1({ controllers }: CgroupTree, group: string, { cpus, memory, pids }: Limits): Promise<void> {
  const [cpuDirectory, memoryDirectory, pidsDirectory] = [
    join(controllers.cpu, group),
    join(controllers.memory, group),
    join(controllers.pids, group),
  ];
  await Promise.all([cpuDirectory, memoryDirectory, pidsDirectory].map((path) => mkdir(path, { recursive: true })));
  await Promise.all([
    (async () => {
      if (cpus === undefined) return;
      await set(cpuDirectory, 'cpu.cfs_period_us', PERIOD);
      await set(cpuDirectory, 'cpu.cfs_quota_us', quota(cpus));
      await set(cpuDirectory, 'cpu.shares', Math.max(2, Math.round(cpus * 1024)));
    })(),
    (async () => {
      if (memory === undefined) return;
      // Kernels before 5.11 do not count children unless they are told to.
      await trySet(dirname(memoryDirectory), 'memory.use_hierarchy', 1);
      const limit = async () => set(memoryDirectory, 'memory.limit_in_bytes', memory);
      const limitWithSwap = async () => trySet(memoryDirectory, 'memory.memsw.limit_in_bytes', memory);
      // Each must stay on its side of the other, so a lower limit goes swap last, a higher one swap first.
      await limitWithSwap();
      await limit();
      await limitWithSwap();
    })(),
    (async () => {
      if (pids !== undefined) await set(pidsDirectory, 'pids.max', pids);
    })(),
  ]);
}

async function writeV2(
  root: string,
  group: string,
  { cpus, memory, pids }: Limits,
  holds: 'groups' | 'processes',
): Promise<void> {
  const directory = join(root, group);
  await mkdir(directory, { recursive: true });
  // Controllers must be handed down from each level to the next; a last level of groups hands them to the containers.
  let level = root;
  const parts = ['', ...group.split('/').filter(Boolean)];
  for (const part of holds === 'groups' ? parts : parts.slice(0, -1)) {
    level = join(level, part);
    await set(level, 'cgroup.subtree_control', '+cpu +memory +pids');
  }
  if (memory !== undefined) {
    await set(directory, 'memory.max', memory);
    await trySet(directory, 'memory.swap.max', 0);
  }
  if (cpus !== undefined) {
    await set(directory, 'cpu.max', `${quota(cpus)} ${PERIOD}`);
    await trySet(directory, 'cpu.weight', weight(cpus));
  }
  if (pids !== undefined) await set(directory, 'pids.max', pids);
}

/** The kernel takes no quota under a millisecond. */
function quota(cpus: number): number {
  return Math.max(1000, Math.round(cpus * PERIOD));
}

/** The OCI runtimes' own translation of cpu.shares. */
function weight(cpus: number): number {
  const shares = Math.min(262_144, Math.max(2, Math.round(cpus * 1024)));
  return Math.floor(1 + ((shares - 2) * 9999) / 262_142);
}

async function set(directory: string, file: string, value: number | string): Promise<void> {
  await writeFile(join(directory, file), String(value), { flag: 'r+' });
}

/** For what not every kernel has, or refuses where it makes no difference. */
async function trySet(directory: string, file: string, value: number | string): Promise<void> {
  try {
    await set(directory, file, value);
  } catch (error) {
    if (!['ENOENT', 'EINVAL', 'EBUSY', 'EACCES', 'EPERM', 'EOPNOTSUPP'].includes(codeOf(error))) throw error;
  }
}

/** Names of the groups right under a group, in any hierarchy. */
export async function childrenOf(tree: CgroupTree, group: string): Promise<readonly string[]> {
  const names = await Promise.all(tree.mounts.map((mount) => directoriesIn(join(mount, group))));
  return [...new Set(names.flat())];
}

/** Kills what runs in the group and removes it with everything under it, in every hierarchy. */
export async function removeGroup(tree: CgroupTree, group: string): Promise<void> {
  await Promise.all(tree.mounts.map((mount) => removeDirectory(join(mount, group))));
}

/** Removes the group where nothing is under it. */
export async function removeEmptyGroup(tree: CgroupTree, group: string): Promise<void> {
  for (const mount of tree.mounts)
    await rmdir(join(mount, group)).catch((error: unknown) => {
      if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes(codeOf(error))) throw error;
    });
}

async function removeDirectory(path: string, attempt = 0): Promise<void> {
  for (const child of await directoriesIn(path)) await removeDirectory(join(path, child));
  try {
    await rmdir(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return;
    // Dying processes hold the group for a moment.
    if ((code !== 'EBUSY' && code !== 'ENOTEMPTY') || attempt >= 40) throw error;
    await killAll(path);
    await delay(Math.min(10 * 2 ** attempt, 250));
    await removeDirectory(path, attempt + 1);
  }
}

/** False: there was nothing to kill. */
async function killAll(path: string): Promise<boolean> {
  const text = await readFile(join(path, 'cgroup.procs'), 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENODEV') return '';
    throw error;
  });
  // 0: a process of another pid namespace.
  const pids = text.split('\n').map(Number);
  const others = pids.filter((pid) => pid > 1 && pid !== process.pid);
  for (const pid of others) kill(pid);
  return others.length > 0;
}

/**
 * Kills all processes of a group right under `group`, whose limit of processor time is lifted: thousands of processes
 * cannot end on a share of a core in any useful time, nor does the first of them get its turn to hear that it is killed.
 */
export async function endProcesses(
  tree: CgroupTree,
  group: string,
  isMember: (name: string) => boolean,
): Promise<void> {
  const { version, controllers } = tree;
  if (version === 2) await trySet(join(controllers.cpu, group), 'cpu.max', `max ${PERIOD}`);
  else await trySet(join(controllers.cpu, group), 'cpu.cfs_quota_us', -1);
  for (const name of (await childrenOf(tree, group)).filter(isMember)) {
    const members = join(controllers.pids, group, name);
    if (version === 2) await trySet(members, 'cgroup.kill', 1);
    // What was forked meanwhile is found by the next round.
    for (let round = 0; round < killRounds && (await killAll(members)); round += 1) await delay(100);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** cgroup v1 counts a kill in the group of the victim only, which is gone by then. */
export async function oomKillsOf(tree: CgroupTree, group: string): Promise<number | undefined> {
  if (tree.version === 1) return undefined;
  try {
    const text = await readFile(join(tree.controllers.memory, group, 'memory.events'), 'utf8');
    const count = /^oom_kill (\d+)$/m.exec(text)?.[1];
    return count === undefined ? undefined : Number(count);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENODEV') return undefined;
    throw error;
  }
}

async function directoriesIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENODEV') return [];
    throw error;
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code);
}
