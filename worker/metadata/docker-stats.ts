/** What a container uses, in the form of Docker's ContainerStats, which the metadata endpoint answers. Pure. */
import type { BlockCounters, ContainerStats, CpuDetails, NetworkCounters } from '../../runtime/driver.ts';

/** The name of a task's interface on Fargate. */
const networkInterface = 'eth1';
/** How Docker writes that there was no reading before. */
const never = '0001-01-01T00:00:00Z';

/** @param earlier the reading that rates and shares are counted from; absent: there is none */
export function dockerStats(
  container: { readonly runtimeId: string; readonly name: string },
  stats: ContainerStats,
  earlier: ContainerStats | undefined,
): object {
  return {
    read: new Date(stats.at).toISOString(),
    preread: earlier ? new Date(earlier.at).toISOString() : never,
    pids_stats: stats.pids === undefined ? {} : { current: stats.pids },
    blkio_stats: blockStats(stats.blockIo ?? []),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuStats(stats),
    precpu_stats: earlier ? cpuStats(earlier) : cpuStats({ cpuNanoseconds: 0 }),
    memory_stats: {
      usage: stats.memory?.usage ?? stats.memoryBytes,
      ...(stats.memory?.maxUsage !== undefined && { max_usage: stats.memory.maxUsage }),
      stats: stats.memory?.kernel ?? {},
      ...(stats.memoryLimitBytes !== undefined && { limit: stats.memoryLimitBytes }),
    },
    name: container.name,
    id: container.runtimeId,
    ...(stats.network && { networks: { [networkInterface]: interfaceStats(stats.network) } }),
  };
}

/** Bytes a second between two readings; undefined: there are not two. */
export function networkRate(
  { at, network }: ContainerStats,
  earlier: ContainerStats | undefined,
): { readonly rx_bytes_per_sec: number; readonly tx_bytes_per_sec: number } | undefined {
  if (!network || !earlier?.network || at <= earlier.at) return undefined;
  const seconds = (at - earlier.at) / 1000;
  const rate = (now: number, before: number) => Math.max(0, now - before) / seconds;
  return {
    rx_bytes_per_sec: rate(network.received.bytes, earlier.network.received.bytes),
    tx_bytes_per_sec: rate(network.sent.bytes, earlier.network.sent.bytes),
  };
}

function cpuStats({ cpuNanoseconds, cpu }: { readonly cpuNanoseconds: number; readonly cpu?: CpuDetails | undefined }) {
  return {
    cpu_usage: {
      total_usage: cpuNanoseconds,
      ...(cpu?.byCore && { percpu_usage: cpu.byCore }),
      usage_in_kernelmode: cpu?.inKernelMode ?? 0,
      usage_in_usermode: cpu?.inUserMode ?? 0,
    },
    ...(cpu?.ofHost !== undefined && { system_cpu_usage: cpu.ofHost }),
    ...(cpu?.cores !== undefined && { online_cpus: cpu.cores }),
    throttling_data: {
      periods: cpu?.throttling?.periods ?? 0,
      throttled_periods: cpu?.throttling?.throttledPeriods ?? 0,
      throttled_time: cpu?.throttling?.throttledTime ?? 0,
    },
  };
}

function interfaceStats({ received, sent }: NetworkCounters) {
  return {
    rx_bytes: received.bytes,
    rx_packets: received.packets,
    rx_errors: received.errors,
    rx_dropped: received.dropped,
    tx_bytes: sent.bytes,
    tx_packets: sent.packets,
    tx_errors: sent.errors,
    tx_dropped: sent.dropped,
  };
}

function blockStats(devices: readonly BlockCounters[]) {
  const entries = (read: (counters: BlockCounters) => number, written: (counters: BlockCounters) => number) =>
    devices.flatMap((counters) => {
      const [major = 0, minor = 0] = counters.device.split(':').map(Number);
      const values = { Read: read(counters), Write: written(counters), Total: read(counters) + written(counters) };
      return Object.entries(values).map(([op, value]) => ({ major, minor, op, value }));
    });
  return {
    io_service_bytes_recursive: entries(
      ({ readBytes }) => readBytes,
      ({ writtenBytes }) => writtenBytes,
    ),
    io_serviced_recursive: entries(
      ({ reads }) => reads,
      ({ writes }) => writes,
    ),
    io_queue_recursive: [],
    io_service_time_recursive: [],
    io_wait_time_recursive: [],
    io_merged_recursive: [],
    io_time_recursive: [],
    sectors_recursive: [],
  };
}
