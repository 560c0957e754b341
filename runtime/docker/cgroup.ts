/**
 * Limits that hold over all containers of a sandbox together: a cgroup made beforehand, which the engine is told to put
 * the containers under. What differs between hosts (cgroup version, who manages the tree) is in the files beside this.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Limits } from '../driver.ts';
import { escapeUnit, startSlice, stopSlice } from './cgroup-systemd.ts';
import {
  type CgroupTree,
  childrenOf,
  endProcesses,
  oomKillsOf,
  readTree,
  removeEmptyGroup,
  removeGroup,
  writeLimits,
} from './cgroup-tree.ts';
import { engineWords } from './engine.ts';
import type { EngineFacts } from './facts.ts';

export interface Cgroups {
  /** False: limits are put on each container instead. */
  readonly enforced: boolean;
  /** Why not. */
  readonly reason?: string;
  /** CgroupParent of the sandbox's containers. */
  parentOf(sandboxId: string): string | undefined;
  /** CgroupParent of pause containers: ours too, but outside of the limits. */
  readonly pauseParent: string | undefined;
  /** Idempotent. Where we write the tree ourselves, the limit of processor time is left to `limitTime`. */
  make(sandboxId: string, limits: Limits): Promise<void>;
  /** Idempotent. */
  limitTime(sandboxId: string, limits: Limits): Promise<void>;
  /** Kills what still runs in it. Idempotent. */
  remove(sandboxId: string): Promise<void>;
  /** Kills all that a container runs and helps it to end; the sandbox has no limit of processor time from then on. */
  end(sandboxId: string, containerId: string): Promise<void>;
  list(): Promise<readonly string[]>;
  /** Removes everything of this owner; returns how many sandboxes had a cgroup. */
  removeAll(): Promise<number>;
  /** Processes that the kernel killed for lack of memory; undefined where it cannot be told. */
  oomKills(sandboxId: string): Promise<number | undefined>;
  /** Whether the engine put a running pause container where we see it: proof that its tree is our tree. */
  sees(pauseContainerId: string): Promise<boolean>;
}

export const noCgroups = (reason: string): Cgroups => ({
  enforced: false,
  reason,
  parentOf: () => undefined,
  pauseParent: undefined,
  make: async () => {},
  limitTime: async () => {},
  remove: async () => {},
  end: async () => {},
  list: async () => [],
  removeAll: async () => 0,
  oomKills: async () => undefined,
  sees: async () => true,
});

/** The cgroups of this owner, or a reason why the host's cgroups are not ours to write. */
export async function openCgroups(owner: string, facts: EngineFacts): Promise<Cgroups> {
  if (facts.cgroupVersion === 'none' || facts.cgroupDriver === 'none')
    return noCgroups('the engine runs without cgroups');
  if (!facts.sameHost) return noCgroups('the engine runs on another host or in a virtual machine');
  if (facts.rootless) return noCgroups('the engine runs rootless');
  if (process.geteuid?.() !== 0) return noCgroups('the worker does not run as root');
  const tree = await readTree(facts.cgroupVersion);
  if (typeof tree === 'string') return noCgroups(tree);
  return facts.cgroupDriver === 'systemd' ? openSystemd(owner, tree) : openDirectories(owner, tree);
}

const PROBE = '@probe';
/** Not an id: ids start with a letter or digit. */
const PAUSE = '@pause';

async function openDirectories(owner: string, tree: CgroupTree): Promise<Cgroups> {
  const top = `/longshore-${owner}`;
  const groupOf = (id: string) => `${top}/${id}`;
  try {
    await writeLimits(tree, groupOf(PROBE), { memory: 2 ** 26, pids: 100, cpus: 1 });
    await removeGroup(tree, groupOf(PROBE));
    await removeEmptyGroup(tree, top);
  } catch (error) {
    return noCgroups(`cgroups cannot be written (${engineWords(error)})`);
  }
  const list = async () => (await childrenOf(tree, top)).filter((name) => /^[A-Za-z0-9]/.test(name));
  return {
    enforced: true,
    parentOf: groupOf,
    pauseParent: groupOf(PAUSE),
    make: (id, { memory, pids }) => writeLimits(tree, groupOf(id), { memory, pids }),
    limitTime: (id, { cpus }) => writeLimits(tree, groupOf(id), { cpus }),
    remove: (id) => removeGroup(tree, groupOf(id)),
    end: (id, containerId) => endProcesses(tree, groupOf(id), (name) => name === containerId),
    list,
    async removeAll() {
      const ids = await list();
      await removeGroup(tree, top);
      return ids.length;
    },
    oomKills: (id) => oomKillsOf(tree, groupOf(id)),
    sees: async (pauseId) => (await childrenOf(tree, groupOf(PAUSE))).includes(pauseId),
  };
}

/** With the systemd driver the parent must be a slice; `a-b.slice` lies in `a.slice`, so ids are escaped. */
async function openSystemd(owner: string, tree: CgroupTree): Promise<Cgroups> {
  const top = `longshore_${escapeUnit(owner)}`;
  const unitOf = (id: string) => `${top}-${escapeUnit(id)}.slice`;
  const groupOf = (id: string) => `/${top}.slice/${unitOf(id)}`;
  const make = async (id: string, limits: Limits) => {
    await startSlice(unitOf(id), limits);
    // systemd has no property for the memory-and-swap limit of cgroup v1; the rest is written again, to the same values.
    await writeLimits(tree, groupOf(id), limits);
  };
  const remove = async (id: string) => {
    await stopSlice(unitOf(id));
    await removeGroup(tree, groupOf(id));
  };
  try {
    await promisify(execFile)('busctl', ['--version']);
    await make('probe', { memory: 2 ** 26, pids: 100, cpus: 1 });
    await remove('probe');
  } catch (error) {
    return noCgroups(`systemd does not let us make slices (${engineWords(error)})`);
  }
  const unitPrefix = `${top}-`;
  const list = async () =>
    (await childrenOf(tree, `/${top}.slice`))
      .filter((name) => name.startsWith(unitPrefix) && name.endsWith('.slice'))
      .map((name) => unescapeUnit(name.slice(unitPrefix.length, -'.slice'.length)))
      .filter((id) => /^[A-Za-z0-9]/.test(id));
  return {
    enforced: true,
    parentOf: unitOf,
    pauseParent: unitOf(PAUSE),
    make,
    limitTime: async () => {},
    remove,
    end: (id, containerId) => endProcesses(tree, groupOf(id), (name) => name === `docker-${containerId}.scope`),
    list,
    async removeAll() {
      const ids = await list();
      await Promise.all([...ids, PAUSE].map(remove));
      await stopSlice(`${top}.slice`);
      await removeGroup(tree, `/${top}.slice`);
      return ids.length;
    },
    oomKills: (id) => oomKillsOf(tree, groupOf(id)),
    sees: async (pauseId) => (await childrenOf(tree, groupOf(PAUSE))).includes(`docker-${pauseId}.scope`),
  };
}

function unescapeUnit(name: string): string {
  return name.replace(/_([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
