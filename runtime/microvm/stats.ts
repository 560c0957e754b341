/** What a container uses right now, by its control group in the guest. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ContainerHandle, type ContainerStats, DriverError } from '../driver.ts';
import { AgentError } from './agent.ts';
import { findContainer } from './container.ts';
import type { Context } from './context.ts';
import { pathsOf } from './guest-paths.ts';

export async function readStats(context: Context, handle: ContainerHandle): Promise<ContainerStats> {
  const { machine, container } = findContainer(context, handle);
  const { groupFolder } = pathsOf(container.id);
  const read = async (file: string) => String((await machine.agent.call('read', `${groupFolder}/${file}`))[0] ?? '');
  try {
    const [cpu, current, details, limit, pids] = await Promise.all(
      ['cpu.stat', 'memory.current', 'memory.stat', 'memory.max', 'pids.current'].map(read),
    );
    // Page cache that can be dropped at any time is not counted, as `docker stats` does.
    const cache = numberIn(details, 'inactive_file');
    const memoryLimit = Number(limit);
    return {
      at: Date.now(),
      cpuNanoseconds: numberIn(cpu, 'usage_usec') * 1000,
      memoryBytes: Math.max(0, (Number(current) || 0) - cache),
      ...(Number.isFinite(memoryLimit) ? { memoryLimitBytes: memoryLimit } : {}),
      pids: Number(pids) || 0,
    };
  } catch (error) {
    if (error instanceof AgentError) throw new DriverError('not-found', `Container ${handle.name} is gone.`);
    throw error;
  }
}

/** What the sandbox's disk holds; volumes lie on it too. */
export async function storageUsed({ machines }: Context, sandboxId: string): Promise<number> {
  const machine = machines.get(sandboxId);
  if (!machine) throw new DriverError('not-found', `Sandbox ${sandboxId} is gone.`);
  const { blocks } = await stat(join(machine.folder, 'disks', 'scratch'));
  return blocks * 512;
}

function numberIn(text: string | undefined, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1] ?? 0);
}
