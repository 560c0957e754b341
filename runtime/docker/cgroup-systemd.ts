/** Slices made through systemd's own bus, for engines that leave the cgroup tree to systemd. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Limits } from '../driver.ts';

const run = promisify(execFile);

const MANAGER = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager'];

/** `-` separates levels in slice names and `_` is our escape; both, and all that is not plain, become `_` and two hex digits. */
export function escapeUnit(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, (char) => `_${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Starts a transient slice with its limits; one that is there already stays as it is. */
export async function startSlice(unit: string, limits: Limits): Promise<void> {
  const properties = sliceProperties(limits);
  const call = [
    'StartTransientUnit',
    'ssa(sv)a(sa(sv))',
    unit,
    'fail',
    String(properties.length),
    ...properties.flat(),
    '0',
  ];
  try {
    await run('busctl', ['call', ...MANAGER, ...call]);
  } catch (error) {
    if (!/already exists|already loaded|fragment file/i.test(stderrOf(error))) throw error;
  }
}

/** Stops a slice and whatever runs in it. */
export async function stopSlice(unit: string): Promise<void> {
  try {
    await run('busctl', ['call', ...MANAGER, 'StopUnit', 'ss', unit, 'replace']);
  } catch (error) {
    if (!/not loaded|no such unit|not found/i.test(stderrOf(error))) throw error;
  }
}

/** busctl's arguments: name, type, value. */
export function sliceProperties({ memory, cpus, pids }: Limits): string[][] {
  return [
    ['Description', 's', 'Longshore sandbox'],
    ...(memory === undefined
      ? []
      : [
          ['MemoryMax', 't', String(memory)],
          ['MemorySwapMax', 't', '0'],
        ]),
    ...(cpus === undefined ? [] : [['CPUQuotaPerSecUSec', 't', String(Math.max(10_000, Math.round(cpus * 1e6)))]]),
    ...(pids === undefined ? [] : [['TasksMax', 't', String(pids)]]),
  ];
}

function stderrOf(error: unknown): string {
  return String((error as { stderr?: unknown }).stderr ?? error);
}
