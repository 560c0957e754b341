/** A worker as the control plane sees it: a name, a lease, and capacity that placement reserves. Never shown to users. */
import type { ProcessIdentity } from './process-identity.ts';
import type { Millis } from './task.ts';

/** What a worker says of itself when it registers. */
export interface WorkerRegistration {
  readonly name: string;
  /** Random for each process: tells a restarted worker from its former self. */
  readonly instance: string;
  /** Where the process runs, so that a successor on the same host can see that it is dead. */
  readonly process: ProcessIdentity;
  readonly runtime: string;
  readonly cpuArchitecture: 'X86_64' | 'ARM64';
  /** CPU units that placement may hand out, overcommit included. */
  readonly cpu: number;
  /** MiB that placement may hand out. */
  readonly memory: number;
  /** GiB of ephemeral storage that placement may hand out, overcommit included; absent: it is not counted. */
  readonly disk?: number;
  /** Number of tasks that the worker's address range can hold. */
  readonly slots: number;
}

/** Stands as a worker's instance once its tasks were given up: none of its processes may write any more. */
export const lostInstance = 'lost';

export interface Worker extends WorkerRegistration {
  readonly cpuUsed: number;
  readonly memoryUsed: number;
  readonly diskUsed?: number;
  readonly slotsUsed: number;
  /** Redis's clock; past it the worker gets no new tasks. */
  readonly leaseUntil: Millis;
  /** It gave its name up and is not expected back. */
  readonly released?: boolean;
}
