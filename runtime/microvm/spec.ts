/** A container's configuration as the OCI runtime specification has it: what crun is told. Pure. */
import type { ContainerConfig, MemoryMount } from '../driver.ts';
import type { Image } from './image.ts';
import type { RecordedMount } from './record.ts';
import { seccompOf } from './seccomp.ts';
import type { ResolvedUser } from './users.ts';

/** Where a container's files are in the guest. */
export interface GuestPaths {
  readonly bundle: string;
  readonly rootfs: string;
  /** Control group, from the root of the hierarchy. */
  readonly cgroup: string;
}

export interface SpecContext {
  readonly image: Image;
  readonly user: ResolvedUser;
  readonly hostname: string;
  readonly paths: GuestPaths;
  readonly mounts: readonly RecordedMount[];
  /** Path of a process namespace that the container joins; absent: it has one of its own. */
  readonly processNamespace?: string;
}

const PERIOD = 100_000;

const defaultCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function specOf(config: ContainerConfig, context: SpecContext): object {
  const { image, paths, mounts, hostname, processNamespace } = context;
  const shared = processNamespace !== undefined;
  const init = config.init === true && !shared;
  const process = processOf(config, context);
  return {
    ociVersion: '1.0.2',
    process: init ? { ...process, args: ['/sbin/docker-init', '--', ...process.args] } : process,
    root: { path: paths.rootfs, readonly: config.readonlyRootFilesystem ?? false },
    hostname,
    mounts: [
      ...standardMounts,
      // One that lies in another comes after it, or it would be hidden.
      ...[
        ...mounts.map(({ source, path, readOnly }) => bind(source, path, readOnly)),
        ...(config.memoryMounts ?? []).map(memoryMount),
        ...hostFiles(config.readonlyRootFilesystem ?? false).filter(
          ({ destination }) => !mounts.some(({ path }) => path === destination),
        ),
        ...(init ? [bind('/bin/tini', '/sbin/docker-init', true)] : []),
      ].sort((a, b) => depthOf(a.destination) - depthOf(b.destination)),
    ],
    annotations: { 'org.longshore.image': image.digest },
    linux: {
      cgroupsPath: paths.cgroup,
      namespaces: [
        shared ? { type: 'pid', path: processNamespace } : { type: 'pid' },
        ...['mount', 'ipc', 'uts', 'cgroup'].map((type) => ({ type })),
      ],
      resources: resourcesOf(config),
      sysctl: config.sysctls ?? {},
      seccomp: seccompOf(capabilitiesOf(config.capabilities)),
      maskedPaths,
      readonlyPaths,
    },
  };
}

/** Entry point and command of the configuration and of the image, as engines put them together. */
export function argumentsOf(config: ContainerConfig, image: Image): readonly string[] {
  const command = config.command?.length ? config.command : config.entrypoint?.length ? [] : image.command;
  const entrypoint = config.entrypoint ?? image.entrypoint;
  return [...entrypoint, ...command];
}

function processOf(config: ContainerConfig, { image, user, hostname }: SpecContext) {
  return {
    terminal: config.tty ?? false,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: argumentsOf(config, image),
    env: environmentOf(image, config.environment, user, hostname, config.tty ?? false),
    cwd: config.workingDirectory || image.workingDirectory,
    capabilities: capabilitySets(capabilitiesOf(config.capabilities), user.uid),
    rlimits: config.ulimits.map(({ name, soft, hard }) => ({
      type: `RLIMIT_${name.toUpperCase()}`,
      soft: limitOf(soft),
      hard: limitOf(hard),
    })),
    noNewPrivileges: config.noNewPrivileges ?? false,
  };
}

export function environmentOf(
  image: Image,
  own: Readonly<Record<string, string>>,
  user: ResolvedUser,
  hostname: string,
  tty: boolean,
): readonly string[] {
  const pairs = new Map<string, string>();
  const add = (pair: string) => pairs.set(pair.split('=')[0] ?? '', pair);
  for (const pair of [defaultPath, `HOSTNAME=${hostname}`, `HOME=${user.home}`, ...(tty ? ['TERM=xterm'] : [])])
    add(pair);
  for (const pair of image.environment) add(pair);
  for (const [name, value] of Object.entries(own)) add(`${name}=${value}`);
  return [...pairs.values()];
}

/** -1 is "no limit". */
function limitOf(value: number): number {
  return value < 0 ? Number.MAX_SAFE_INTEGER : value;
}

export function capabilitiesOf({ add, drop }: ContainerConfig['capabilities']): readonly string[] {
  const named = (name: string) => (name.startsWith('CAP_') ? name : `CAP_${name}`);
  const dropped = new Set(drop.map(named));
  const kept = dropped.has('CAP_ALL') ? [] : defaultCapabilities.filter((name) => !dropped.has(name));
  return [...new Set([...kept, ...add.map(named)])];
}

/** Only root has what is allowed at once; others get it by running a program with the right. */
export function capabilitySets(capabilities: readonly string[], uid: number): object {
  const held = uid === 0 ? capabilities : [];
  return { bounding: capabilities, effective: held, permitted: held, inheritable: [], ambient: [] };
}

function resourcesOf(config: ContainerConfig): object {
  const { cpus, memory, pids } = config.limits;
  return {
    devices: [{ allow: false, access: 'rwm' }],
    ...(memory === undefined && config.memoryReservation === undefined
      ? {}
      : {
          memory: {
            ...(memory === undefined ? {} : { limit: memory, swap: memory }),
            ...(config.memoryReservation === undefined ? {} : { reservation: config.memoryReservation }),
          },
        }),
    cpu: {
      ...(config.cpuShares === undefined ? {} : { shares: Math.max(2, config.cpuShares) }),
      ...(cpus === undefined ? {} : { quota: Math.max(1000, Math.round(cpus * PERIOD)), period: PERIOD }),
    },
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
  };
}

function depthOf(path: string): number {
  return path.split('/').filter(Boolean).length;
}

function bind(source: string, destination: string, readOnly: boolean) {
  return { destination, type: 'bind', source, options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'] };
}

/** Those that know each other are written by the agent's host. */
function hostFiles(readOnly: boolean) {
  return ['hosts', 'hostname', 'resolv.conf'].map((name) => bind(`/run/etc/${name}`, `/etc/${name}`, readOnly));
}

function memoryMount({ path, size, options }: MemoryMount) {
  return {
    destination: path,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', ...options, `size=${size}`],
  };
}

const standardMounts = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
  },
];

const maskedPaths: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
];

const readonlyPaths: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
