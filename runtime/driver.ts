/**
 * The contract between a worker and whatever runs containers.
 *
 * Words: a *sandbox* is what one group of containers shares: a network namespace with one address, and limits that
 * hold over all of them together. A *container* lives in exactly one sandbox. A *handle* is plain JSON: it can be
 * stored, given back to another process after a restart, and still names the same thing.
 *
 * Life of a container: createContainer -> startContainer -> waitContainer -> removeContainer. stopContainer may come at
 * any time. stopContainer, removeContainer and removeSandbox are idempotent: what is absent is a success. removeSandbox
 * removes the containers in it too, running or not.
 *
 * A driver owns everything that carries its `owner` label and nothing else; `recover` lists it after a restart, so that
 * the caller can take it back or remove it. Creating a sandbox or container under an id that exists already (a call
 * repeated after a crash) returns what is there.
 *
 * Volumes belong to a sandbox: they are made with it, shared by its containers, and what they keep is gone with it unless
 * it lies elsewhere (a directory of the host, an export). What is elsewhere is never removed.
 *
 * waitContainer tells an end only when it has seen it: while the engine cannot be reached it waits on. It rejects with
 * `not-found` when the container was removed before its end was seen. A container whose start failed has ended, with `error` set.
 *
 * Errors are DriverError with a `kind`; messages are the engine's own words, without host paths.
 */

export interface Driver {
  readonly name: string;

  /**
   * Makes ready what sandboxes need (bridge, pause image, warm pool). Call once, before anything else; only
   * capabilities, recover and clean work without it, and then make nothing.
   */
  open(): Promise<void>;
  /** Stops timers and connections, removes the unused warm pool; leaves sandboxes and their containers running. */
  close(): Promise<void>;

  capabilities(): Promise<Capabilities>;

  /**
   * Says which services of this process sandboxes reach, once it is open; each call replaces the one before. They listen
   * at the gateway of the driver's range. Where capabilities.separateNetworks is false, those with an address of their
   * own are reached by nobody.
   */
  offer(services: readonly HostService[]): Promise<void>;

  /**
   * Brings an image to the host and resolves its digest.
   * @throws DriverError kind image-*
   */
  pullImage(request: PullRequest): Promise<ImageInfo>;

  createSandbox(config: SandboxConfig, signal?: AbortSignal): Promise<Sandbox>;
  removeSandbox(id: string): Promise<void>;

  createContainer(config: ContainerConfig, signal?: AbortSignal): Promise<ContainerHandle>;
  /**
   * Resolves when the container's first process runs. Its later exit is waitContainer's to tell.
   * `again`: one that has ended is started once more, with its files as it left them; one that runs is left alone.
   */
  startContainer(
    handle: ContainerHandle,
    options?: { readonly again?: boolean },
  ): Promise<{ readonly startedAt: number }>;
  /** Resolves when the container has ended, at once when it already has. */
  waitContainer(handle: ContainerHandle, signal?: AbortSignal): Promise<ContainerExit>;
  /** Sends the stop signal, waits, then kills. Resolves when the container has ended. */
  stopContainer(handle: ContainerHandle, graceSeconds: number): Promise<void>;
  removeContainer(handle: ContainerHandle): Promise<void>;
  /** Freezes a running container's processes. One that is frozen or does not run is left as it is. */
  pauseContainer(handle: ContainerHandle): Promise<void>;
  /** Lets them go on. stopContainer needs it first. */
  resumeContainer(handle: ContainerHandle): Promise<void>;
  /** undefined: no such container. */
  inspectContainer(handle: ContainerHandle): Promise<ContainerState | undefined>;

  /**
   * The container's output in order, oldest first; ends with the container unless it ended before. A chunk is a line with
   * its line feed, or a part of a long one.
   */
  logs(handle: ContainerHandle, options: LogOptions): AsyncIterable<LogChunk>;
  exec(handle: ContainerHandle, config: ExecConfig): Promise<ExecSession>;
  stats(handle: ContainerHandle): Promise<ContainerStats>;
  /**
   * Bytes on disk of what a sandbox's containers have written into their root file systems; drivers that keep volumes on
   * the same disk count them too. It may take a walk through all of it.
   */
  storageUsed(sandboxId: string): Promise<number>;

  /** Everything of ours on this host, except the warm pool. */
  recover(): Promise<readonly RecoveredSandbox[]>;
  /** Removes everything that carries the owner label: sandboxes, containers, networks, limits, the warm pool. */
  clean(): Promise<CleanReport>;
}

export interface Capabilities {
  /** For example `Docker Engine 20.10.24`. */
  readonly engine: string;
  readonly cgroupVersion: 1 | 2 | 'none';
  /** Limits that hold over all containers of a sandbox together; false: each container has its share. */
  readonly sandboxLimits: boolean;
  readonly pidsLimit: boolean;
  readonly exec: boolean;
  readonly stats: boolean;
  readonly isolation: 'container' | 'vm' | 'none';
  /**
   * A sandbox sends from no address but its own, those of different groups do not reach each other, and of the host they
   * reach what was offered and nothing else. False: the network is open, as limitations says.
   */
  readonly separateNetworks: boolean;
  readonly architecture: 'amd64' | 'arm64';
  /** Highest `nofile` limit that a container may have; undefined: any. */
  readonly maxOpenFiles?: number;
  /** Limits.disk holds for what each container writes into its root file system. */
  readonly diskLimit: boolean;
  /** Sentences for `doctor`: what this host cannot do, and what to do about it. */
  readonly limitations: readonly string[];
}

/** A TCP service on the host. */
export interface HostService {
  /** Where sandboxes see it: an IPv4 address that nobody has, or absent for their gateway. */
  readonly address?: string;
  /** Where sandboxes see it. */
  readonly port: number;
  /** Where it really listens, at the gateway; the source address of a connection is the sandbox's own. Default: `port`. */
  readonly listensOn?: number;
}

export type PullPolicy = 'default' | 'always' | 'once' | 'prefer-cached';

export interface PullRequest {
  readonly image: string;
  /** `sha256:…`, as an earlier pull of `image` told it: exactly that is brought, wherever the tag points by now. */
  readonly digest?: string;
  readonly policy: PullPolicy;
  readonly platform: { readonly os: 'linux'; readonly architecture: 'amd64' | 'arm64' };
  readonly credentials?: { readonly username: string; readonly password: string };
  readonly onProgress?: (progress: PullProgress) => void;
  /** Which container needs it. Drivers of real engines ignore it; simulations read the container's environment. */
  readonly container?: PlannedContainer;
  readonly signal?: AbortSignal;
}

export interface PullProgress {
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
}

export interface ImageInfo {
  /** Name that createContainer accepts. */
  readonly image: string;
  /** `sha256:…` of the manifest when it came from a registry, else of the image's configuration. */
  readonly digest: string;
  readonly stopSignal?: string;
}

export interface Limits {
  /** CPU cores, may be fractional; undefined: no limit. */
  readonly cpus?: number;
  /** Bytes; undefined: no limit. */
  readonly memory?: number;
  /** Processes and threads; undefined: no limit. */
  readonly pids?: number;
  /** Bytes that a container of the sandbox may write; undefined: no limit. Holds where capabilities.diskLimit says so. */
  readonly disk?: number;
}

/** What is known of a container before it is created. */
export interface PlannedContainer {
  readonly name: string;
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: Limits;
}

export interface SandboxConfig {
  /** Chosen by the caller, unique, `[A-Za-z0-9_.-]`, at most 128 characters, the first a letter or digit. */
  readonly id: string;
  /**
   * A wish. Drivers that know an address before its sandbox is made name the sandbox after it (`ip-10-213-0-5`), so that
   * one that was prepared ahead has the same name as any other.
   */
  readonly hostname: string;
  readonly limits: Limits;
  /** The containers to come: a driver without common limits (capabilities.sandboxLimits) divides `limits` among them. */
  readonly containers?: readonly PlannedContainer[];
  /** Comes back from `recover`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Sandboxes of one group reach each other, those without one too; see capabilities.separateNetworks. */
  readonly group?: string;
  /** Sysctls of the sandbox's network namespace. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** What containers may mount. Names are unique. */
  readonly volumes?: readonly VolumeConfig[];
}

export type VolumeConfig =
  /** Empty storage of the sandbox's own. The first container that mounts it fills it with what its image has there. */
  | { readonly kind: 'scratch'; readonly name: string }
  /** A directory of the engine's host, absolute, without `..`. */
  | { readonly kind: 'directory'; readonly name: string; readonly path: string; readonly subPath?: SubPath }
  /** An NFS (version 4) export. */
  | {
      readonly kind: 'nfs';
      readonly name: string;
      readonly server: string;
      readonly path: string;
      readonly subPath?: SubPath;
    };

/**
 * Names of folders below a volume's own, outermost first: no slashes, `.`, `..` or empty names. Links on the way are not
 * followed: what the path leads to always lies in the volume.
 */
export type SubPath = readonly string[];

export interface Mount {
  /** Name of one of the sandbox's volumes. */
  readonly volume: string;
  /** Where the container sees it, absolute. */
  readonly path: string;
  readonly readOnly?: boolean;
}

/** A file system in memory; what it holds counts as the container's memory. */
export interface MemoryMount {
  /** Absolute. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Options of mount(8) such as `noexec` and `mode=1777`. */
  readonly options: readonly string[];
}

export interface Sandbox {
  readonly id: string;
  readonly ipv4Address: string;
  readonly macAddress: string;
  readonly gateway: string;
  /** Length of the network's prefix. */
  readonly prefixLength: number;
}

/** The range that a driver gives its sandboxes addresses from. */
export interface NetworkRange {
  /** For example `10.213.0.0/22`. */
  readonly subnet: string;
  /** The host's own address in it. */
  readonly gateway: string;
}

export interface ContainerConfig {
  readonly sandboxId: string;
  /** Unique in the sandbox. */
  readonly name: string;
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  readonly user?: string;
  readonly readonlyRootFilesystem?: boolean;
  /** Relative weight among the sandbox's containers (1024 = one core's worth). */
  readonly cpuShares?: number;
  readonly limits: Limits;
  /** Bytes that the container keeps under memory pressure. */
  readonly memoryReservation?: number;
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] };
  readonly noNewPrivileges?: boolean;
  readonly init?: boolean;
  readonly tty?: boolean;
  /** Bytes of output that are kept at least for those who have not read it yet. Older output makes room. Default: 64 MiB. */
  readonly logCapacity?: number;
  readonly stdinOpen?: boolean;
  /** Put into the container's own file system before it starts, over what its image has there. */
  readonly files?: readonly ContainerFile[];
  readonly stopSignal?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly mounts?: readonly Mount[];
  /**
   * Everything that other containers of the sandbox mount, volumes of their images included, at the same paths. They
   * must have been created before. Own mounts win.
   */
  readonly mountsFrom?: readonly { readonly container: string; readonly readOnly?: boolean }[];
  readonly memoryMounts?: readonly MemoryMount[];
  /**
   * Shares the process namespace with the sandbox's other containers that do: they see and may signal each other's
   * processes. `init` has no effect then: the sandbox reaps what is orphaned.
   */
  readonly sharedProcesses?: boolean;
}

export interface ContainerFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  /** Permissions, for example 0o644. */
  readonly mode: number;
}

export interface ContainerHandle {
  readonly sandboxId: string;
  readonly name: string;
  /** The engine's own id. */
  readonly id: string;
}

export interface ContainerExit {
  /** 128 + signal number when a signal ended it. */
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Milliseconds since the epoch. */
  readonly finishedAt: number;
  /** The engine's words when the process could not be run. */
  readonly error?: string;
}

export interface ContainerState {
  readonly handle: ContainerHandle;
  readonly status: 'created' | 'running' | 'exited';
  readonly startedAt?: number;
  readonly exit?: ContainerExit;
  /** `sha256:…` of the image's configuration or manifest, as the engine names it. */
  readonly imageDigest?: string;
  /** The caller's, with those of the image. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface LogOptions {
  readonly follow: boolean;
  /** Milliseconds since the epoch; may be fractional. */
  readonly since?: number;
  /** Only what follows the chunk that had this position. */
  readonly after?: string;
  readonly signal?: AbortSignal;
}

export interface LogChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
  /** When it was written, milliseconds since the epoch, fractional; absent where it is not recorded (tty, exec). */
  readonly at?: number;
  /** Where the chunk lies in the container's output, in the driver's own words; absent: not kept (exec). */
  readonly position?: string;
}

export interface ExecConfig {
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly user?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Variables for a container that has none of their names. */
  readonly defaultEnvironment?: Readonly<Record<string, string>>;
}

/**
 * A command belongs to the process that runs it here: what is left of one after a crash is ended by `recover` of a driver
 * that was opened.
 * A command that cannot be run (no such program) rejects `exec`, or reading its output, with DriverError kind `start`.
 */
export interface ExecSession {
  readonly output: AsyncIterable<LogChunk>;
  write(data: Uint8Array): Promise<void>;
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
  close(): void;
  /** Ends the command and all that belongs to its terminal by force where the host allows it; otherwise lets go of it. */
  kill(): Promise<void>;
  wait(): Promise<{ readonly exitCode: number }>;
}

/** What a container has used so far, or uses right now; what the engine does not tell is absent. */
export interface ContainerStats {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** CPU time used so far, nanoseconds. */
  readonly cpuNanoseconds: number;
  readonly cpu?: CpuDetails;
  /** Without the page cache that can be dropped at any time. */
  readonly memoryBytes: number;
  readonly memoryLimitBytes?: number;
  readonly memory?: MemoryDetails;
  readonly pids?: number;
  /** Of the sandbox: all its containers have the same. */
  readonly network?: NetworkCounters;
  /** By block device. */
  readonly blockIo?: readonly BlockCounters[];
}

/** Nanoseconds so far. */
export interface CpuDetails {
  readonly inUserMode: number;
  readonly inKernelMode: number;
  /** CPU time of the whole host, all its cores together. */
  readonly ofHost?: number;
  /** CPU time on each of the host's cores, nanoseconds. */
  readonly byCore?: readonly number[];
  /** Cores that the host has. */
  readonly cores?: number;
  readonly throttling?: { readonly periods: number; readonly throttledPeriods: number; readonly throttledTime: number };
}

/** Bytes. */
export interface MemoryDetails {
  /** With all page cache. */
  readonly usage: number;
  /** Most that it ever was. */
  readonly maxUsage?: number;
  /** The kernel's own figures, by the names that it has for them (memory.stat). */
  readonly kernel: Readonly<Record<string, number>>;
}

/** As the sandbox sees it. */
export interface NetworkCounters {
  readonly received: TrafficCounters;
  readonly sent: TrafficCounters;
}

export interface TrafficCounters {
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly dropped: number;
}

export interface BlockCounters {
  /** `major:minor` */
  readonly device: string;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly reads: number;
  readonly writes: number;
}

export interface RecoveredSandbox {
  /** undefined: the sandbox's own process is gone, only containers or limits of it are left. */
  readonly sandbox: Sandbox | undefined;
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly ContainerState[];
}

export interface CleanReport {
  readonly containers: number;
  readonly networks: number;
  /** Limits that held over sandboxes. */
  readonly cgroups: number;
  readonly volumes: number;
}

export type DriverErrorKind =
  | 'image-not-found'
  | 'image-name' // what should name an image does not
  | 'image-unauthorized'
  | 'image-platform'
  | 'image-registry' // the registry could not be reached or answered an error
  | 'image-disk'
  | 'create' // the configuration was refused by the engine
  | 'volume' // a volume cannot be had: no such directory, or this engine cannot mount it
  | 'start' // the process could not be run (no such command, bad user, …)
  | 'engine' // the engine is not reachable or broke down; trying again may help
  | 'network-taken' // another installation on this host has the range of addresses
  | 'not-found'
  | 'cancelled';

export class DriverError extends Error {
  readonly kind: DriverErrorKind;
  constructor(kind: DriverErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DriverError';
    this.kind = kind;
  }
  /** True when the same call may succeed later without any change of its arguments. */
  get retryable(): boolean {
    return this.kind === 'engine' || this.kind === 'image-registry';
  }
}
