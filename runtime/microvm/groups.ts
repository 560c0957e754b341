/** Control groups of the host for monitors: a machine takes no more of the host than it was given, whatever it does. */
import { join } from 'node:path';
import {
  type CgroupTree,
  childrenOf,
  readTree,
  removeEmptyGroup,
  removeGroup,
  writeLimits,
} from '../docker/cgroup-tree.ts';
import type { MachineSize } from './vmm.ts';

export interface Groups {
  /** Why there are none; undefined: there are. */
  readonly missing?: string;
  readonly version: 1 | 2 | 'none';
  /** Files that a process writes its id into to belong to the machine's groups. Idempotent. */
  make(name: string, size: MachineSize): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
  /** Returns how many there were. */
  removeAll(): Promise<number>;
}

/** What a monitor needs besides its guest's memory, MiB; under emulation most of it is translated code. */
const MONITOR_MEMORY = 512;
const MONITOR_THREADS = 64;

export async function openGroups(owner: string): Promise<Groups> {
  const trees = await Promise.all([readTree(1), readTree(2)]);
  const tree = trees.find((each) => typeof each !== 'string');
  if (tree === undefined || typeof tree === 'string') return noGroups(String(trees[1]));
  const top = `/longshore-vm-${owner}`;
  try {
    await writeLimits(tree, `${top}/probe`, { memory: 2 ** 26, pids: 100, cpus: 1 }, 'processes');
    await removeGroup(tree, `${top}/probe`);
    await removeEmptyGroup(tree, top);
  } catch (error) {
    return noGroups(`control groups cannot be written (${(error as Error).message})`);
  }
  return {
    version: tree.version,
    async make(name, { cpus, memory }) {
      const limits = {
        // A little more, for what is not the guest's own.
        cpus: cpus + 0.25,
        memory: (memory + MONITOR_MEMORY) * 2 ** 20,
        pids: cpus + MONITOR_THREADS,
      };
      await writeLimits(tree, `${top}/${name}`, limits, 'processes');
      return filesOf(tree, `${top}/${name}`);
    },
    remove: async (name) => await removeGroup(tree, `${top}/${name}`),
    async removeAll() {
      const names = await childrenOf(tree, top);
      await removeGroup(tree, top);
      return names.length;
    },
  };
}

function filesOf({ controllers }: CgroupTree, group: string): readonly string[] {
  return [...new Set(Object.values(controllers))].map((mount) => join(mount, group, 'cgroup.procs'));
}

function noGroups(missing: string): Groups {
  return { missing, version: 'none', make: async () => [], remove: async () => {}, removeAll: async () => 0 };
}
