/**
 * The seam to the program that runs virtual machines. A monitor (VMM) starts a machine from a cold boot or from a
 * snapshot, and goes on when the worker that started it does not: another one attaches to it.
 */
import type { Socket } from 'node:net';

export interface MachineSize {
  /** Virtual processors. */
  readonly cpus: number;
  /** MiB of the whole guest. */
  readonly memory: number;
}

/** How many hosts can speak with a machine: one that takes over may come before the other has left. */
export const lines = 2;

/**
 * The memory of a machine that is to be saved is the file `memory` among its disks; a clone's is a private copy of it. It
 * ends with this process at the latest.
 */
export type Origin =
  | { readonly kind: 'boot'; readonly saved: boolean }
  | { readonly kind: 'snapshot'; readonly folder: string };

export interface MachineConfig {
  readonly size: MachineSize;
  readonly origin: Origin;
  /** The machine's own folder: its sockets, and in `disks` what it may read and write. Absolute. */
  readonly folder: string;
  /** A folder of its own for the images that it will be given; absent: it will have none. */
  readonly images?: string;
  /** By which its processes are found; see processes.ts. The monitor's user follows from it. */
  readonly name: string;
  /** Its network device on the host, made with it; without a bridge it leads nowhere. */
  readonly tap: { readonly name: string; readonly bridge?: string };
  /** cgroup.procs of the control groups that the monitor belongs in. */
  readonly groups: readonly string[];
  /** Open directories of the host, at most 32, for a machine that boots: virtiofs gives it them as 0, 1, … in one tree. */
  readonly folders?: readonly number[];
}

/** The tag of the file system that holds a machine's folders. */
export const foldersTag = 'folders';

export interface Monitor {
  /** A connection to one of the machine's lines, of which each takes one host at a time. */
  connect(line: number): Promise<Socket>;
  /** Gives the machine a read-only disk, a file in its folder of images, in one of its slots. */
  insert(slot: number, file: string): Promise<void>;
  /** Stops the machine and writes what is not in its memory file to `file` in its `disks` folder. */
  save(file: string): Promise<void>;
  /** Resolves when the machine no longer runs, with the reason. */
  readonly ended: Promise<string>;
  /** The end of what the guest's kernel said; empty when the monitor is gone. */
  console(): Promise<string>;
  /** Lets go of it; it runs on. */
  detach(): void;
}

export interface Vmm {
  readonly name: string;
  /** Everything about it and this host that a snapshot depends on. */
  readonly identity: string;
  readonly acceleration: 'kvm' | 'tcg';
  /** How many images a machine can have. */
  readonly slots: number;
  /** Why a machine can have no folders of the host; undefined: it can. */
  readonly noFolders?: string;
  /** Resolves when the monitor answers. @throws DriverError kind engine */
  start(config: MachineConfig): Promise<Monitor>;
  /** One that an earlier process started; undefined: it is gone. */
  attach(folder: string): Promise<Monitor | undefined>;
}
