/** The limits of one container, and where the sandbox has none of its own, its share of the sandbox's. */
import type { Limits } from '../driver.ts';
import type { SandboxRecord } from './record.ts';

/** The engine takes no less. */
const LEAST_MEMORY = 6 * 2 ** 20;

/** Limits for a container such that those of all containers add up to the sandbox's. */
export function shareOf(name: string, own: Limits, { limits, containers = [] }: SandboxRecord): Limits {
  const others = containers.filter((each) => each.name !== name);
  const share = (kind: keyof Limits, least: number) => {
    const total = limits[kind];
    const mine = own[kind];
    if (total === undefined) return mine;
    if (mine !== undefined) return Math.min(mine, total);
    const given = others.flatMap((each) => each.limits[kind] ?? []);
    const rest = total - given.reduce((sum, value) => sum + value, 0);
    return Math.max(least, rest / (1 + others.length - given.length));
  };
  return {
    cpus: share('cpus', 0.01),
    memory: whole(share('memory', LEAST_MEMORY)),
    pids: whole(share('pids', 16)),
  };
}

function whole(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.floor(value);
}
