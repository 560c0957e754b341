/** Which task has which address: whom a connection from the tasks' network is from. */
import type { RunningTask } from './task-runner.ts';

export interface TaskDirectory {
  /** The task has this address from now on, and no other. */
  enter(address: string, task: RunningTask): void;
  leave(task: RunningTask): void;
  at(address: string): RunningTask | undefined;
  all(): readonly RunningTask[];
}

export function createTaskDirectory(): TaskDirectory {
  const byAddress = new Map<string, RunningTask>();
  const addresses = new Map<RunningTask, string>();
  const leave = (task: RunningTask) => {
    const address = addresses.get(task);
    addresses.delete(task);
    if (address !== undefined && byAddress.get(address) === task) byAddress.delete(address);
  };
  return {
    enter(address, task) {
      leave(task);
      addresses.set(task, address);
      byAddress.set(address, task);
    },
    leave,
    at: (address) => byAddress.get(address),
    all: () => [...addresses.keys()],
  };
}
