/** What a container uses right now, by its control group in the guest. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { counted, networkCounters } from '../docker/network-counters.ts';
import {
  type BlockCounters,
  type ContainerHandle,
  type ContainerStats,
  type CpuDetails,
  DriverError,
  type NetworkCounters,
} from '../driver.ts';
import { AgentError } from './agent.ts';
import { findContainer } from './container.ts';
import type { Context } from './context.ts';
import { pathsOf } from './guest-paths.ts';

export async function readStats(context: Context, handle: ContainerHandle): Promise<ContainerStats> {
  const { machine, container } = findContainer(context, handle);
  const { groupFolder } = pathsOf(container.id);
  const readGuest = async (path: string) => String((await machine.agent.call('read', path))[0] ?? '');
  const read = async (file: string) => await readGuest(`${groupFolder}/${file}`);
  // Its group is the container.
  const unlessGone = async (error: unknown) => {
    await read('cgroup.procs');
    if (!(error instanceof AgentError)) throw error;
    return '';
  };
  try {
    const inGroup = [
      'cpu.stat',
      'memory.current',
      'memory.stat',
      'memory.max',
      'memory.peak',
      'pids.current',
      'io.stat',
    ];
    const [group, uptime, statistics, interfaces] = await Promise.all([
      // Not every kernel has all of them.
      Promise.all(inGroup.map(async (file) => await read(file).catch(unlessGone))),
      readGuest('/proc/uptime'),
      readGuest('/proc/stat'),
      readGuest('/proc/net/dev'),
    ]);
    const [cpuText = '', current, details = '', limit, peak, pids, io = ''] = group;
    const [cpu, figures] = [figuresOf(cpuText), figuresOf(details)];
    const usage = Number(current) || 0;
    const memoryLimit = Number(limit);
    return {
      at: Date.now(),
      cpuNanoseconds: (cpu.usage_usec ?? 0) * 1000,
      cpu: cpuDetails(cpu, uptime, statistics),
      // Page cache that can be dropped at any time is not counted, as `docker stats` does.
      memoryBytes: Math.max(0, usage - (figures.inactive_file ?? 0)),
      ...(limit && Number.isFinite(memoryLimit) ? { memoryLimitBytes: memoryLimit } : {}),
      memory: { usage, ...(Number(peak) > 0 ? { maxUsage: Number(peak) } : {}), kernel: figures },
      pids: Number(pids) || 0,
      ...networkOf(interfaces),
      blockIo: blockCounters(io),
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

/** Of lines with a name and a number. */
function figuresOf(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries([...text.matchAll(/^(\w+) (\d+)$/gm)].map(([, name, value]) => [name, Number(value)]));
}

/** A guest's clock goes on while its processors wait for the host's, so what the machine has is time times processors. */
function cpuDetails(group: Readonly<Record<string, number>>, uptime: string, statistics: string): CpuDetails {
  const cores = statistics.split('\n').filter((line) => /^cpu\d/.test(line)).length;
  const [periods, throttledPeriods] = [group.nr_periods ?? 0, group.nr_throttled ?? 0];
  return {
    inUserMode: (group.user_usec ?? 0) * 1000,
    inKernelMode: (group.system_usec ?? 0) * 1000,
    ofHost: Math.round(Number(uptime.split(' ')[0]) * cores * 1e9),
    cores,
    throttling: { periods, throttledPeriods, throttledTime: (group.throttled_usec ?? 0) * 1000 },
  };
}

/** https://docs.kernel.org/admin-guide/cgroup-v2.html, "io.stat" */
function blockCounters(text: string): readonly BlockCounters[] {
  return [...text.matchAll(/^(\d+:\d+) (.*)$/gm)].map(([, device = '', rest = '']) => {
    const value = (name: string) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(rest)?.[1] ?? 0);
    return {
      device,
      readBytes: value('rbytes'),
      writtenBytes: value('wbytes'),
      reads: value('rios'),
      writes: value('wios'),
    };
  });
}

/** The machine's only device besides its loopback. */
function networkOf(text: string): { readonly network?: NetworkCounters } {
  const columns = /^\s*eth0:\s*(.*)$/m.exec(text)?.[1]?.split(/\s+/).map(Number);
  if (!columns) return {};
  // Eight columns for each direction, which begin with these four.
  const read = (direction: 'rx' | 'tx', what: (typeof counted)[number]) =>
    columns[counted.indexOf(what) + (direction === 'rx' ? 0 : 8)] ?? 0;
  return { network: networkCounters(read) };
}
