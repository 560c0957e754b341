/** One virtual machine, from its monitor's start to its end. */
import { chown, mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { macAddressOf } from '../addresses.ts';
import { DriverError, type Sandbox } from '../driver.ts';
import { type Agent, greetAgent } from './agent.ts';
import { runProgram } from './commands.ts';
import type { Context } from './context.ts';
import { killProcessesOf, machineName, uidOf } from './processes.ts';
import { type MachineRecord, removeFolder, writeRecord } from './record.ts';
import { lines, type MachineConfig, type MachineSize, type Monitor } from './vmm.ts';

export interface Machine {
  readonly folder: string;
  readonly address: string;
  /** See processes.ts. */
  readonly name: string;
  readonly monitor: Monitor;
  readonly agent: Agent;
  /** The newest that was written. */
  record: MachineRecord;
  /** Resolves when it no longer runs, after that was recorded. */
  readonly ended: Promise<{ readonly reason: string; readonly at: number }>;
  /** Runs one after the other what must not be done twice at once. */
  readonly turns: <T>(work: () => Promise<T>) => Promise<T>;
  /** Containers that were stopped or removed here, by id: their end is nobody's fault. */
  readonly stopped: Set<string>;
  closing: boolean;
  /** Why it was given up while it seemed to run. */
  givenUp?: string;
}

/** Milliseconds. */
const GREETING_PATIENCE = 60_000;
const BOOT_PATIENCE = 120_000;
const CONSOLE_PATIENCE = 2000;
/** The guest answers within this, unless another host has the line. */
const BUSY_AFTER = 10_000;
const PING_INTERVAL = 15_000;
/** Under emulation on a busy host an answer may take long; a guest that hangs is given up in the end. */
const PING_PATIENCE = 90_000;

/** Links lie on the file system of what they lead to, which a data directory need not share. */
export function linkFolderOf(cacheDir: string, owner: string): string {
  return join(cacheDir, 'machines', owner);
}

/** Where a machine finds its images, under names of its own. */
export function imagesOf({ linkFolder }: Pick<Context, 'linkFolder'>, address: string): string {
  return join(linkFolder, address);
}

/**
 * A clone of the snapshot for its size, that nobody has taken yet. One that has folders of the host boots instead: their
 * server's state cannot be saved, and writes into a memory that is not shared with other machines.
 * @param folders descriptors of open directories
 * @throws DriverError kind engine
 */
export async function makeMachine(
  context: Context,
  size: MachineSize,
  folders: readonly number[] = [],
): Promise<Machine> {
  const address = context.addresses.take();
  // Its name everywhere: one address, one machine.
  const folder = join(context.folder, address);
  const name = machineName(context.owner, address);
  const uid = uidOf(name);
  const record: MachineRecord = { address, size, images: [], containers: {} };
  try {
    await mkdir(join(folder, 'disks'), { recursive: true, mode: 0o755 });
    await mkdir(join(folder, 'root'), { recursive: true });
    const images = imagesOf(context, address);
    await mkdir(images, { recursive: true, mode: 0o755 });
    await writeRecord(folder, record);
    const scratch = join(folder, 'disks', 'scratch');
    await writeFile(scratch, '', { mode: 0o600 });
    await chown(scratch, uid, uid);
    await truncate(scratch, 2 ** 42);
    const groups = await context.groups.make(address, size);
    const tap = { name: context.network.tapOf(address), bridge: context.network.bridge };
    const config = { size, folder, images, name, tap, groups };
    if (folders.length > 0) {
      const monitor = await context.vmm.start({ ...config, folders, origin: { kind: 'boot', saved: false } });
      return await joinMachine(context, { folder, record, monitor, patience: BOOT_PATIENCE });
    }
    const monitor = await startClone(context, config);
    return await joinMachine(context, { folder, record, monitor });
  } catch (error) {
    await destroyMachine(context, address);
    throw error;
  }
}

async function startClone(context: Context, config: Omit<MachineConfig, 'origin'>): Promise<Monitor> {
  const { vmm, snapshots } = context;
  const start = async () =>
    await vmm.start({ ...config, origin: { kind: 'snapshot', folder: await snapshots.of(config.size) } });
  try {
    return await start();
  } catch (error) {
    context.log.warn({ error }, 'a machine could not be started from its snapshot, which is made anew');
    await killProcessesOf(config.name);
    await snapshots.discard(config.size);
    return await start();
  }
}

/** Takes back one that an earlier process made; undefined: it no longer runs. */
export async function attachMachine(
  context: Context,
  folder: string,
  record: MachineRecord,
): Promise<Machine | undefined> {
  if (record.ended) return undefined;
  const monitor = await context.vmm.attach(folder);
  if (!monitor) return undefined;
  try {
    return await joinMachine(context, { folder, record, monitor });
  } catch (error) {
    context.log.warn({ error, address: record.address }, 'a virtual machine does not answer and is given up');
    monitor.detach();
    return undefined;
  }
}

/** One that no longer runs: its containers can still be asked about. */
export function deadMachine({ owner }: Pick<Context, 'owner'>, folder: string, record: MachineRecord): Machine {
  const gone = async () => {
    throw new DriverError('engine', 'The virtual machine is gone.');
  };
  const ended = Promise.resolve(record.ended ?? { reason: 'the virtual machine ended', at: Date.now() });
  return {
    folder,
    address: record.address,
    name: machineName(owner, record.address),
    monitor: {
      connect: gone,
      insert: gone,
      save: gone,
      ended: ended.then(({ reason }) => reason),
      console: async () => '',
      detach: () => {},
    },
    agent: { call: gone, ask: gone, closed: Promise.resolve(undefined), close: () => {} },
    record,
    ended,
    turns: createTurns(),
    stopped: new Set(),
    closing: false,
  };
}

function createTurns(): Machine['turns'] {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work, work);
    last = result.catch(() => {});
    return result;
  };
}

interface Parts {
  readonly folder: string;
  readonly record: MachineRecord;
  readonly monitor: Monitor;
  /** Milliseconds until the agent must answer; absent: it is there already. */
  readonly patience?: number;
}

async function joinMachine(context: Context, { folder, record, monitor, patience }: Parts): Promise<Machine> {
  const agent =
    patience === undefined ? await speakWith(monitor) : await greetAgent(await monitor.connect(0), patience);
  const machine: Machine = {
    folder,
    address: record.address,
    name: machineName(context.owner, record.address),
    monitor,
    agent,
    record,
    ended: Promise.race([monitor.ended, agentLost(agent)]).then(async (why) =>
      noteEnd(context, machine, machine.givenUp ?? why),
    ),
    turns: createTurns(),
    stopped: new Set(),
    closing: false,
  };
  watch(machine);
  return machine;
}

/** On the first line that is free. */
async function speakWith(monitor: Monitor): Promise<Agent> {
  for (let line = 0; ; line += 1) {
    const last = line === lines - 1;
    try {
      return await greetAgent(await monitor.connect(line), last ? GREETING_PATIENCE : BUSY_AFTER);
    } catch (error) {
      if (last) throw error;
    }
  }
}

async function agentLost(agent: Agent): Promise<string> {
  const wrong = await agent.closed;
  // The monitor's own end, when it is that, is told a moment later and says more.
  await new Promise((resolve) => setTimeout(resolve, 200));
  return wrong ? `its agent broke the connection (${wrong.message})` : 'its agent broke the connection';
}

async function noteEnd(context: Context, machine: Machine, why: string) {
  // Left running on purpose.
  if (machine.closing) return { reason: why, at: Date.now() };
  // A monitor that hangs says nothing.
  const console = await Promise.race([machine.monitor.console(), delay(CONSOLE_PATIENCE, '', { ref: false })]);
  const words = lastWords(console);
  const reason = `the virtual machine ended: ${why}${words === '' ? '' : ` (${words})`}`;
  const ended = { reason, at: Date.now() };
  context.log.warn({ address: machine.address, reason }, 'a virtual machine ended');
  machine.agent.close();
  machine.monitor.detach();
  await killProcessesOf(machine.name);
  await note(machine, (record) => ({ ...record, ended }));
  return ended;
}

/** Why a kernel panicked is in the line that says so. */
function lastWords(console: string): string {
  const lines = console.split('\n').map((line) => line.replace(/^\[[ \d.]+\] /, '').trim());
  const panic = lines.find((line) => line.includes('Kernel panic') || line.startsWith('longshore:'));
  return (panic ?? '').slice(0, 200);
}

/** Keeps the guest's clock right, and finds out when it hangs. */
function watch(machine: Machine): void {
  const timer = setInterval(async () => {
    const patience = setTimeout(() => {
      giveUp(machine, `it did not answer for ${PING_PATIENCE / 1000} seconds`);
    }, PING_PATIENCE);
    // What is wrong shows in how the connection ends.
    await setClock(machine.agent).catch(() => {});
    clearTimeout(patience);
  }, PING_INTERVAL);
  timer.unref();
  machine.agent.closed.then(() => clearInterval(timer));
}

export async function setClock(agent: Agent): Promise<void> {
  await agent.call('clock', Date.now() * 1000);
}

/** Writes what changed down before it counts. */
export async function update(machine: Machine, change: (record: MachineRecord) => MachineRecord): Promise<void> {
  const record = change(machine.record);
  await writeRecord(machine.folder, record);
  machine.record = record;
}

/** What happened counts, whether or not there is room to write it down. */
export async function note(machine: Machine, change: (record: MachineRecord) => MachineRecord): Promise<void> {
  await update(machine, change).catch((error: NodeJS.ErrnoException) => {
    // ENOENT: its folder is removed at the same time.
    if (error.code !== 'ENOSPC' && error.code !== 'ENOENT') throw error;
    machine.record = change(machine.record);
  });
}

/** Ends it from outside, whatever it does. */
export function giveUp(machine: Machine, why: string): void {
  machine.givenUp = why;
  machine.agent.close();
}

/** Lets go of it: it runs on, and its end is no matter of this process. */
export function leave(machine: Machine): void {
  machine.closing = true;
  machine.agent.close();
  machine.monitor.detach();
}

/** Removes everything of a machine, in whatever state it is. Idempotent. */
export async function destroyMachine(context: Context, address: string): Promise<void> {
  await killProcessesOf(machineName(context.owner, address));
  await context.groups.remove(address);
  await removeFolder(join(context.folder, address));
  await removeFolder(imagesOf(context, address));
  context.addresses.release(address);
}

/** The writable disk, empty: `bytes` for its files. */
export async function formatScratch(machine: Machine, bytes: number): Promise<void> {
  const blocks = Math.ceil(bytes / 1024);
  const options = ['-q', '-F', '-O', '^has_journal', '-m', '0', '-E', 'lazy_itable_init=1,nodiscard,root_owner=0:0'];
  await runProgram('mkfs.ext4', [...options, '-b', '4096', join(machine.folder, 'disks', 'scratch'), `${blocks}k`]);
}

export function sandboxOf(context: Context, { record }: Pick<Machine, 'record'>): Sandbox {
  return {
    id: record.sandbox?.id ?? '',
    ipv4Address: record.address,
    macAddress: macAddressOf(record.address),
    gateway: context.range.gateway,
    prefixLength: Number(context.range.subnet.split('/')[1]),
  };
}
