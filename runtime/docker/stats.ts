/** What a container uses right now. */
import type Docker from 'dockerode';
import {
  type BlockCounters,
  type ContainerHandle,
  type ContainerStats,
  type CpuDetails,
  DriverError,
} from '../driver.ts';
import type { Context } from './context.ts';
import { failure, statusOf } from './engine.ts';
import { OWNER, SANDBOX } from './names.ts';

export async function readStats(context: Context, { id, name, sandboxId }: ContainerHandle): Promise<ContainerStats> {
  try {
    const [stats, network] = await Promise.all([
      // one-shot: no second sample to compare with, which would take the engine a second.
      context.engine.call((docker) => docker.getContainer(id).stats({ stream: false, 'one-shot': true })),
      context.network.counters(sandboxId),
    ]);
    const memory = stats.memory_stats as MemoryStats;
    // Page cache that can be dropped at any time is not counted, as `docker stats` does.
    const cache = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
    return {
      at: Date.parse(stats.read) > 0 ? Date.parse(stats.read) : Date.now(),
      cpuNanoseconds: stats.cpu_stats.cpu_usage.total_usage,
      cpu: cpuDetails(stats.cpu_stats),
      memoryBytes: Math.max(0, (memory.usage ?? 0) - cache),
      // "No limit" comes as a number near 2^63.
      memoryLimitBytes: memory.limit !== undefined && memory.limit < 2 ** 60 ? memory.limit : undefined,
      memory: { usage: memory.usage ?? 0, maxUsage: memory.max_usage, kernel: memory.stats ?? {} },
      pids: stats.pids_stats?.current,
      network,
      blockIo: blockCounters(stats.blkio_stats),
    };
  } catch (error) {
    if (statusOf(error) === 404) throw new DriverError('not-found', `Container ${name} is gone.`, { cause: error });
    throw failure('engine', error);
  }
}

export async function storageUsed({ engine, names }: Context, sandboxId: string): Promise<number> {
  const containers = await engine.call((docker) =>
    docker.listContainers({
      all: true,
      size: true,
      filters: { label: [`${OWNER}=${names.owner}`, `${SANDBOX}=${sandboxId}`] },
    }),
  );
  return (containers as readonly { readonly SizeRw?: number }[]).reduce((sum, { SizeRw = 0 }) => sum + SizeRw, 0);
}

interface MemoryStats {
  readonly usage?: number;
  readonly max_usage?: number;
  readonly limit?: number;
  readonly stats?: Readonly<Record<string, number>>;
}

function cpuDetails({ cpu_usage, system_cpu_usage, online_cpus, throttling_data }: Docker.CPUStats): CpuDetails {
  return {
    inUserMode: cpu_usage.usage_in_usermode,
    inKernelMode: cpu_usage.usage_in_kernelmode,
    ofHost: system_cpu_usage,
    byCore: cpu_usage.percpu_usage,
    cores: online_cpus,
    throttling: throttling_data && {
      periods: throttling_data.periods,
      throttledPeriods: throttling_data.throttled_periods,
      throttledTime: throttling_data.throttled_time,
    },
  };
}

/** The operations' names begin with a capital with cgroups version 1, without one with version 2. */
function blockCounters(stats: Docker.BlkioStats | undefined): readonly BlockCounters[] {
  const devices = new Map<string, Record<'readBytes' | 'writtenBytes' | 'reads' | 'writes', number>>();
  const add = (
    entries: readonly Docker.BlkioStatEntry[] | null | undefined,
    read: 'readBytes' | 'reads',
    write: 'writtenBytes' | 'writes',
  ) => {
    for (const { major, minor, op, value } of entries ?? []) {
      const device = `${major}:${minor}`;
      const counters = devices.get(device) ?? { readBytes: 0, writtenBytes: 0, reads: 0, writes: 0 };
      devices.set(device, counters);
      if (/^read$/i.test(op)) counters[read] += value;
      else if (/^write$/i.test(op)) counters[write] += value;
    }
  };
  add(stats?.io_service_bytes_recursive, 'readBytes', 'writtenBytes');
  add(stats?.io_serviced_recursive, 'reads', 'writes');
  return [...devices].map(([device, counters]) => ({ device, ...counters }));
}
