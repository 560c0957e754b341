/** Names a process beyond doubt: a pid alone may be given to another process later. */
import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the words of its operating system; only good for comparing. */
  readonly startedAt: string;
  /** The boot and the space of process ids that `pid` counts in; empty where neither can be told. */
  readonly bootId: string;
}

export function ownProcess(): ProcessIdentity {
  return identify(process.pid) ?? { pid: process.pid, startedAt: '', bootId: '' };
}

/** undefined: no such process, or it has ended and its parent has not noticed yet. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startedAt = process.platform === 'linux' ? linuxStart(pid) : otherStart(pid);
  return startedAt === undefined ? undefined : { pid, startedAt, bootId: bootId() };
}

export function isAlive(one: ProcessIdentity): boolean {
  const found = identify(one.pid);
  return found?.startedAt === one.startedAt && found.bootId === one.bootId;
}

/** True only when it is certain: same host, same boot, and no process with that pid and start time. */
export function isKnownDead(one: ProcessIdentity): boolean {
  return one.bootId !== '' && one.bootId === bootId() && !isAlive(one);
}

/** Containers of one host share the boot, not the numbers. */
function bootId(): string {
  const boot = read('/proc/sys/kernel/random/boot_id')?.trim();
  return boot ? `${boot} ${readlinkSync('/proc/self/ns/pid')}` : '';
}

/** Field 22 of /proc/PID/stat: clock ticks from boot to the process's start. */
function linuxStart(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The command's name, in parentheses, may hold anything; the fields after it are the state (3rd) and so on.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19];
}

function otherStart(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout?.trim() || undefined;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
