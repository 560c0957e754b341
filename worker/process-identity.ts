/** Tells whether another process on this host is still alive, so that a successor need not wait for its lease to end. */
import { readFileSync, readlinkSync } from 'node:fs';
import type { WorkerRegistration } from '../core/worker.ts';

export type ProcessIdentity = WorkerRegistration['process'];

export function ownProcess(): ProcessIdentity {
  return { bootId: bootId(), pid: process.pid, startedAt: startOf(process.pid) ?? '' };
}

/** True only when it is certain: same host, same boot, and no process with that pid and start time. */
export function isKnownDead({ process: holder }: Pick<WorkerRegistration, 'process'>): boolean {
  if (holder.bootId === '' || holder.bootId !== bootId()) return false;
  return startOf(holder.pid) !== holder.startedAt;
}

/** With the space that process ids count in: containers of one host share the boot, not the numbers. */
function bootId(): string {
  const boot = read('/proc/sys/kernel/random/boot_id')?.trim();
  return boot ? `${boot} ${readlinkSync('/proc/self/ns/pid')}` : '';
}

/** Field 22 of /proc/PID/stat: clock ticks from boot to the process's start. */
function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended; only its parent has not yet heard of it.
  return fields[0] === 'Z' ? undefined : fields[19];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH')
      return undefined;
    throw error;
  }
}
