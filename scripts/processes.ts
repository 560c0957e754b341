/** Signals and waits for processes that are not our children. */
import { isAlive, type ProcessIdentity } from '../core/process-identity.ts';
import { hasCode } from './failure.ts';

/** Sends a signal unless the process is gone. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

/** Waits for a process that is not our child to end. False: it is still there after `timeout` milliseconds. */
export async function waitForEnd(target: ProcessIdentity, timeout: number): Promise<boolean> {
  const deadline = Date.now() + timeout;
  while (isAlive(target)) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}
