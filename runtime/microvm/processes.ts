/**
 * Processes of this host by the machine that they belong to. A machine's name is a word of its monitor's command, and of
 * what starts and guards that: addresses and users may have come to somebody else since a machine was recorded.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Of no other machine on this host. */
export function machineName(owner: string, address: string): string {
  return `longshore-${owner}-${address}`;
}

/** The user that a machine's monitor runs as: above what distributions hand out, and of no other machine. */
export function uidOf(name: string): number {
  return 1_300_000_000 + (createHash('sha256').update(name).digest().readUInt32BE(0) >>> 4);
}

/** Those of the machine with this name. */
export async function processesOf(name: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // One that ended meanwhile is nobody's.
      const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return words.split('\0').includes(name) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

/** Resolves when none is left. */
export async function killProcessesOf(name: string): Promise<void> {
  for (let pause = 2; ; pause = Math.min(2 * pause, 250)) {
    const pids = await processesOf(name);
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    await delay(pause);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
