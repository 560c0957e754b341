/** Processes of this host by their user: every machine's monitor has one of its own. */
import { readdir, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export async function processesOf(uid: number): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const owners = await Promise.all(
    pids.map(async (pid) => {
      // One that ended meanwhile is nobody's.
      const owner = await stat(`/proc/${pid}`).catch(() => undefined);
      return owner?.uid === uid ? [Number(pid)] : [];
    }),
  );
  return owners.flat();
}

/** Resolves when none is left. */
export async function killProcessesOf(uid: number): Promise<void> {
  for (let pause = 2; ; pause = Math.min(2 * pause, 250)) {
    const pids = await processesOf(uid);
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
