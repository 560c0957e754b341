/** How many open files a container may be given: an engine without CAP_SYS_RESOURCE cannot go above its own limit. */
import { readFile } from 'node:fs/promises';

/** CAP_SYS_RESOURCE, capabilities(7). */
const sysResource = 24n;

/**
 * The engine's hard limit when it holds on to it, undefined when it can give any number or nothing is known of it
 * (a remote engine, one whose pid file is not readable).
 */
export async function mostOpenFiles(pidFile = '/var/run/docker.pid'): Promise<number | undefined> {
  try {
    const pid = (await readFile(pidFile, 'utf8')).trim();
    const [status, limits] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'utf8'),
      readFile(`/proc/${pid}/limits`, 'utf8'),
    ]);
    const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? 'f'.repeat(16)}`);
    if ((effective >> sysResource) & 1n) return undefined;
    const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
    return hard === undefined ? undefined : Number(hard);
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
