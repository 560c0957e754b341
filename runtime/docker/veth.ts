/**
 * Cables between the bridge and the namespaces of sandboxes. Each is named after its address, so the kernel refuses a
 * second one for the same address. The end on the bridge is set up last: one that is up belongs to a finished sandbox.
 */
import { execFile } from 'node:child_process';
import { access, type FileHandle, readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { macAddressOf } from '../addresses.ts';
import { DriverError, type NetworkCounters } from '../driver.ts';
import { counted, networkCounters } from './network-counters.ts';
import { environment, openShell, quoted, type Shell } from './shell.ts';

export interface Cable {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly bridge: string;
  /** The sandbox had the address before: what there is of a cable is its own, half-made by a process that died. */
  readonly again: boolean;
  /** By file name under /proc/sys, set before the interface is there. */
  readonly defaults: Readonly<Record<string, string>>;
  /** By sysctl name, set last. */
  readonly sysctls: Readonly<Record<string, string>>;
}

/** Another sandbox has this address. */
export class AddressTakenError extends Error {
  override readonly name = 'AddressTakenError';
}

const DEVICES = '/sys/class/net';
const PREFIX = 'longs-v';
const UP = 1;

/** Interface names have at most 15 characters. */
export function vethOf(address: string): string {
  return (
    PREFIX +
    address
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('')
  );
}

/** Addresses of all cables on this host, whosever they are. */
export async function listCables(): Promise<readonly string[]> {
  const names = await ifThere(readdir(DEVICES));
  return (names ?? []).flatMap((name) => {
    const hex = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : '';
    if (!/^[0-9a-f]{8}$/.test(hex)) return [];
    return [[0, 2, 4, 6].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.')];
  });
}

/** Whether the sandbox with this address was connected wholly. */
export async function isConnected(address: string): Promise<boolean> {
  const flags = await ifThere(readFile(`${DEVICES}/${vethOf(address)}/flags`, 'utf8'));
  return flags !== undefined && (Number(flags) & UP) !== 0;
}

export async function isOnBridge(address: string): Promise<boolean> {
  return exists(`${DEVICES}/${vethOf(address)}/brport`);
}

export async function bridgeExists(bridge: string): Promise<boolean> {
  return exists(`${DEVICES}/${bridge}/bridge`);
}

/**
 * $1 bridge, $2 end on the bridge, $3 namespace; then the defaults, `--`, and the sysctls, each as file name and value;
 * the input are commands of ip. The inner shell is in the namespace: /proc/sys/net is that of whoever opens it.
 */
const CONNECT = `
connect() {
  bridge=$1 veth=$2 namespace=$3
  shift 3
  nsenter --net="$namespace" sh -c '
    while [ "$1" != -- ]; do printf %s "$2" > "/proc/sys/$1" || exit; shift 2; done
    shift
    [ $# -gt 0 ] || exec ip -batch -
    ip -batch - || exit
    while [ $# -gt 0 ]; do printf %s "$2" > "/proc/sys/$1" || { echo "sysctl $1"; exit 1; }; shift 2; done
  ' sh "$@" && ip link set "$veth" master "$bridge" up
}`;

/** For `connectCable`. */
export function openCableShell(): Shell {
  return openShell(CONNECT);
}

/**
 * Connects an empty namespace to the bridge.
 * @throws AddressTakenError
 * @throws DriverError kind create when a sysctl is refused, kind engine when anything else goes wrong
 */
export async function connectCable(shell: Shell, namespace: FileHandle, cable: Cable): Promise<void> {
  const { address, prefixLength, gateway, bridge, defaults, sysctls, again } = cable;
  const veth = vethOf(address);
  if (await exists(`${DEVICES}/${veth}`)) {
    // Somebody else's, and be it that it is only being made.
    if (!again || (await isConnected(address))) throw new AddressTakenError(`${address} is in use.`);
    await cutCable(address);
  }
  const batch = [
    'link set lo up',
    `link add name eth0 address ${macAddressOf(address)} type veth peer name ${veth} netns ${process.pid}`,
    `address add ${address}/${prefixLength} broadcast + dev eth0`,
    'link set eth0 up',
    `route add default via ${gateway}`,
  ];
  const settings = [
    ...Object.entries(defaults).flat(),
    '--',
    ...Object.entries(sysctls).flatMap(([name, value]) => [sysctlFile(name), value]),
  ];
  const words = [bridge, veth, `/proc/${process.pid}/fd/${namespace.fd}`, ...settings].map(quoted);
  const failed = await shell.run(`connect ${words.join(' ')} <<'END'\n${batch.join('\n')}\nEND`);
  if (failed === undefined) return;
  if (failed.includes('File exists')) throw new AddressTakenError(`${address} is in use.`);
  const refused = /^sysctl (\S+)$/m.exec(failed)?.[1];
  if (refused === undefined)
    throw new DriverError('engine', `The sandbox could not be connected to ${bridge}: ${failed}`);
  throw new DriverError('create', `The sysctl ${refused.replaceAll('/', '.')} could not be set.`);
}

/** Counted at the end on the bridge, where the sandbox's directions are the other way round; undefined: no such cable. */
export async function cableCounters(address: string): Promise<NetworkCounters | undefined> {
  const folder = `${DEVICES}/${vethOf(address)}/statistics`;
  const names = (['tx', 'rx'] as const).flatMap((end) => counted.map((what) => `${end}_${what}`));
  const values = new Map<string, number>();
  for (const name of names) {
    const text = await ifThere(readFile(`${folder}/${name}`, 'utf8'));
    if (text === undefined) return undefined;
    values.set(name, Number(text));
  }
  return networkCounters((direction, what) => values.get(`${direction === 'rx' ? 'tx' : 'rx'}_${what}`) ?? 0);
}

/** Puts an end that lost its bridge on a new one. */
export async function moveCable(address: string, bridge: string): Promise<void> {
  await ipLink('set', vethOf(address), 'master', bridge);
}

/** Resolves when nothing is left of the cable of a sandbox that was removed: the kernel takes a moment. */
export async function awaitCableGone(address: string): Promise<void> {
  const path = `${DEVICES}/${vethOf(address)}`;
  for (let pause = 2; pause < 1000; pause *= 2) {
    if (!(await exists(path))) return;
    await delay(pause);
  }
  await cutCable(address);
}

/** Removes both ends; what is absent is a success. */
export async function cutCable(address: string): Promise<void> {
  await ipLink('delete', vethOf(address));
}

async function ipLink(...words: readonly string[]): Promise<void> {
  const failed = await run('ip', ['link', ...words]);
  if (failed !== undefined && !/cannot find device/i.test(failed))
    throw new DriverError('engine', `ip link ${words.join(' ')}: ${failed}`);
}

/** As `sysctl -w` reads names: dots are slashes, and a slash is a dot in the name of an interface. */
function sysctlFile(name: string): string {
  const file = name.replace(/[./]/g, (char) => (char === '.' ? '/' : '.'));
  if (/^net\/[\w./-]+$/.test(file) && !file.includes('..')) return file;
  throw new DriverError('create', `${name} is not a sysctl of a network.`);
}

/** Runs a program to its end; what it complained about, or undefined when all went well. */
export function run(command: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, args, { env: environment() }, (error, _, errors) => {
      resolve(error ? errors.trim() || error.message : undefined);
    });
  });
}

export async function exists(path: string): Promise<boolean> {
  return (await ifThere(access(path).then(() => true))) ?? false;
}

async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    // EINVAL and ENODEV: it went while it was read.
    if (['ENOENT', 'ENOTDIR', 'EINVAL', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}
