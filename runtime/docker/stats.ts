/** What a container uses right now. */
import { type ContainerHandle, type ContainerStats, DriverError } from '../driver.ts';
import type { Context } from './context.ts';
import { failure, statusOf } from './engine.ts';

export async function readStats({ engine }: Context, { id, name }: ContainerHandle): Promise<ContainerStats> {
  try {
    // one-shot: no second sample to compare with, which would take the engine a second.
    const stats = await engine.call((docker) => docker.getContainer(id).stats({ stream: false, 'one-shot': true }));
    const {
      usage,
      limit,
      stats: details,
    } = stats.memory_stats as {
      usage?: number;
      limit?: number;
      stats?: Readonly<Record<string, number>>;
    };
    // Page cache that can be dropped at any time is not counted, as `docker stats` does.
    const cache = details?.total_inactive_file ?? details?.inactive_file ?? 0;
    return {
      at: Date.parse(stats.read) > 0 ? Date.parse(stats.read) : Date.now(),
      cpuNanoseconds: stats.cpu_stats.cpu_usage.total_usage,
      memoryBytes: Math.max(0, (usage ?? 0) - cache),
      // "No limit" comes as a number near 2^63.
      memoryLimitBytes: limit !== undefined && limit < 2 ** 60 ? limit : undefined,
      pids: stats.pids_stats?.current,
    };
  } catch (error) {
    if (statusOf(error) === 404) throw new DriverError('not-found', `Container ${name} is gone.`, { cause: error });
    throw failure('engine', error);
  }
}
