/** Containers: prepared in their machine, started by crun, watched by the agent. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hostnameOf } from '../addresses.ts';
import { isValidContainerName } from '../docker/names.ts';
import {
  type ContainerConfig,
  type ContainerExit,
  type ContainerFile,
  type ContainerHandle,
  type ContainerState,
  DriverError,
} from '../driver.ts';
import { AgentError, noSuchProcess } from './agent.ts';
import type { Context } from './context.ts';
import { complaintOf, crun, optionsOf, type ProcessState, runInGuest, stateOf } from './crun.ts';
import { imageFolder, pathsOf, slotDevice, volumeFolder } from './guest-paths.ts';
import type { Image } from './image.ts';
import { killGroup, writeLimits } from './limits.ts';
import { giveUp, imagesOf, type Machine, note, update } from './machine.ts';
import { maxData } from './protocol.ts';
import type { ContainerRecord, MachineRecord, RecordedMount } from './record.ts';
import { signalNumber } from './signals.ts';
import { argumentsOf, specOf } from './spec.ts';
import { resolveUser } from './users.ts';

/** MS_RDONLY. Device nodes that an image brings are left to the control groups. */
const READ_ONLY = 1;
/** Milliseconds. */
const KILL_PATIENCE = 30_000;
/** Bytes of output. */
export const defaultLogCapacity = 64 * 2 ** 20;

export async function createContainer(
  context: Context,
  config: ContainerConfig,
  signal: AbortSignal | undefined,
): Promise<ContainerHandle> {
  checkCancelled(signal);
  if (!isValidContainerName(config.name))
    throw new DriverError('create', `"${config.name}" is not a valid container name.`);
  const machine = context.machines.get(config.sandboxId);
  if (!machine) throw new DriverError('not-found', `There is no sandbox ${config.sandboxId}.`);
  // One after the other: slots and volumes are shared.
  return await machine.turns(async () => {
    checkCancelled(signal);
    refuseDead(machine, 'create');
    const existing = machine.record.containers[config.name];
    if (existing) return handleOf(config.sandboxId, existing);
    try {
      return handleOf(config.sandboxId, await prepare(context, machine, config));
    } catch (error) {
      throw error instanceof AgentError ? new DriverError('create', error.message, { cause: error }) : error;
    }
  });
}

/** Nothing will ever run there: trying again is of no use. @throws DriverError */
function refuseDead({ record }: Machine, kind: 'create' | 'start'): void {
  if (record.ended) throw new DriverError(kind, record.ended.reason);
}

function handleOf(sandboxId: string, { id, name }: ContainerRecord): ContainerHandle {
  return { sandboxId, name, id };
}

async function prepare(context: Context, machine: Machine, config: ContainerConfig): Promise<ContainerRecord> {
  const { agent } = machine;
  const image = await context.images.find(config.image.replace(/^sha256:/, ''));
  if (!image) throw new DriverError('image-not-found', `No such image: ${config.image}`);
  if (argumentsOf(config, image).length === 0) throw new DriverError('create', 'no command specified');
  const mounts = mountsOf(machine, config);
  const id = randomUUID().replaceAll('-', '');
  const paths = pathsOf(id);
  const slot = await slotOf(context, machine, image);
  const layers = ['upper', 'work', 'rootfs'].map((name) => `${paths.layers}/${name}`);
  const own = imageVolumes(image, mounts, id);
  await Promise.all([
    ...layers.map((path) => agent.call('mkdir', path, 0o755)),
    ...own.map(({ source }) => agent.call('mkdir', source, 0o755)),
    agent.call('mkdir', paths.bundle, 0o700),
    agent.call(
      'mount',
      'overlay',
      paths.rootfs,
      'overlay',
      0,
      `lowerdir=${imageFolder(slot)},upperdir=${layers[0]},workdir=${layers[1]}`,
    ),
  ]);
  for (const { source, path } of [...mounts, ...own]) await fill(machine, paths.rootfs, path, source);
  for (const file of config.files ?? []) await putFile(machine, paths.rootfs, file);
  const user = resolveUser(
    config.user || image.user,
    await readInside(machine, paths.rootfs, '/etc/passwd'),
    await readInside(machine, paths.rootfs, '/etc/group'),
  );
  const spec = specOf(config, {
    image,
    user,
    hostname: hostnameOf(machine.address),
    paths,
    mounts: [...mounts, ...own],
    ...(config.sharedProcesses ? { processNamespace: await sharedNamespace(machine) } : {}),
  });
  await writeLarge(machine, `${paths.bundle}/config.json`, Buffer.from(JSON.stringify(spec)));
  const record: ContainerRecord = {
    id,
    name: config.name,
    labels: { ...image.labels, ...config.labels },
    imageDigest: image.digest,
    stopSignal: config.stopSignal ?? image.stopSignal ?? 'SIGTERM',
    tty: config.tty ?? false,
    stdinOpen: config.stdinOpen ?? false,
    logCapacity: config.logCapacity ?? defaultLogCapacity,
    mounts: [...mounts, ...own],
  };
  await update(machine, withContainer(record));
  return record;
}

const withContainer = (container: ContainerRecord) => (record: MachineRecord) => ({
  ...record,
  containers: { ...record.containers, [container.name]: container },
});

/** The slot that holds the image, inserted into the machine when none does. */
async function slotOf(context: Context, machine: Machine, image: Image): Promise<number> {
  const { monitor, agent, record, address } = machine;
  const known = record.images.indexOf(image.key);
  if (known >= 0) return known;
  const { images, vmm } = context;
  const slot = record.images.length;
  if (slot >= vmm.slots) throw new DriverError('create', `A virtual machine holds at most ${vmm.slots} images.`);
  const file = `image-${slot}`;
  await images.link(image.key, join(imagesOf(context, address), file));
  await monitor.insert(slot, file);
  await agent.call('mkdir', imageFolder(slot), 0o755);
  await agent.call('mount', slotDevice(slot), imageFolder(slot), 'squashfs', READ_ONLY, '');
  await update(machine, (before) => ({ ...before, images: [...before.images, image.key] }));
  return slot;
}

/** Own mounts win over those that other containers give. @throws DriverError kind create */
function mountsOf({ record }: Machine, config: ContainerConfig): readonly RecordedMount[] {
  const given = (config.mountsFrom ?? []).flatMap(({ container, readOnly = false }) => {
    const source = record.containers[container];
    if (!source) throw new DriverError('create', `No such container: ${container}`);
    return source.mounts.map((mount) => ({ ...mount, readOnly: mount.readOnly || readOnly }));
  });
  const own = (config.mounts ?? []).map(({ volume, path, readOnly = false }) => {
    const index = record.sandbox?.volumes.indexOf(volume) ?? -1;
    if (index < 0) throw new DriverError('create', `The sandbox has no volume ${volume}.`);
    return { source: volumeFolder(index), path, readOnly };
  });
  return [...new Map([...given, ...own].map((mount) => [mount.path, mount])).values()];
}

/** An image may ask for storage of a container's own. */
function imageVolumes(image: Image, mounts: readonly RecordedMount[], id: string): readonly RecordedMount[] {
  const taken = new Set(mounts.map(({ path }) => path));
  return image.volumes
    .filter((path) => !taken.has(path))
    .map((path, index) => ({ source: `/scratch/volumes/${id}-${index}`, path, readOnly: false }));
}

/** A volume begins with what the first image has at its path. */
async function fill({ agent }: Machine, rootfs: string, path: string, volume: string): Promise<void> {
  const code = await runInGuest(agent, `fill-${randomUUID()}`, ['fill', rootfs, path, volume]);
  if (code !== 0) throw new DriverError('create', `The volume at ${path} could not be filled: no space left on device`);
}

export async function readInside({ agent }: Machine, rootfs: string, path: string): Promise<string> {
  return await agent.call('read-inside', rootfs, path).then(
    ([text]) => text?.toString() ?? '',
    (error: unknown) => {
      if (error instanceof AgentError) return '';
      throw error;
    },
  );
}

/** Over what the image has there. */
async function putFile({ agent }: Machine, rootfs: string, { path, text, mode }: ContainerFile): Promise<void> {
  const data = Buffer.from(text);
  for (let at = 0; at === 0 || at < data.length; at += maxData)
    await agent.call('write-inside', rootfs, path, mode, data.subarray(at, at + maxData), at === 0 ? '' : 'append');
}

/** Bytes. What a container is may hold all its environment. */
const longestFile = 2 ** 24;

/** A file that was written by this side. @throws DriverError kind engine when it has become longer than those are */
export async function readWhole({ agent }: Machine, path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const [part = Buffer.alloc(0)] = await agent.call('read', path, at);
    if (part.length === 0) return Buffer.concat(parts);
    parts.push(part);
    at += part.length;
    if (at > longestFile) throw new DriverError('engine', `The guest's ${path} has no end.`);
  }
}

export async function writeLarge({ agent }: Machine, path: string, data: Buffer): Promise<void> {
  for (let at = 0; at === 0 || at < data.length; at += maxData)
    await agent.call('write', path, 0o600, data.subarray(at, at + maxData), at === 0 ? '' : 'append');
}

/** The namespace's first process lives as long as the machine. */
async function sharedNamespace({ agent }: Machine): Promise<string> {
  const { pid } = await agent.ask(stateOf, 'spawn', 'pause', 'pids', '/run/output-pause', '', '', '', 'pause');
  return `/proc/${pid}/ns/pid`;
}

/** The container as it was recorded. @throws DriverError kind not-found */
export function findContainer(
  context: Context,
  handle: ContainerHandle,
): { readonly machine: Machine; readonly container: ContainerRecord } {
  const machine = context.machines.get(handle.sandboxId);
  const container = machine?.record.containers[handle.name];
  if (!machine || container?.id !== handle.id)
    throw new DriverError('not-found', `Container ${handle.name} of sandbox ${handle.sandboxId} is gone.`);
  return { machine, container };
}

export async function startContainer(
  context: Context,
  handle: ContainerHandle,
  { again = false }: { readonly again?: boolean } = {},
): Promise<{ readonly startedAt: number }> {
  const { machine, container } = findContainer(context, handle);
  refuseDead(machine, 'start');
  const { agent } = machine;
  const paths = pathsOf(container.id);
  const before = await processOf(machine, container);
  if (before && !(again && (before.state === 'exited' || before.state === 'failed'))) {
    const state = before.state === 'starting' ? await spawn(machine, container) : before;
    if (state.state === 'failed') throw await startFailure(machine, container, state);
    return { startedAt: state.startedAt };
  }
  machine.stopped.delete(container.id);
  if (before) {
    await runInGuest(agent, `delete-${container.id}`, [...crun(paths), 'delete', '--force', container.id]);
    await forgetExit(machine, container);
  }
  await agent.call('write', paths.log, 0o600, '');
  const state = before
    ? await agent.ask(stateOf, 'again', container.id, ...commandOf(container))
    : await spawn(machine, container);
  if (state.state === 'failed') throw await startFailure(machine, container, state);
  await noteStart(machine, container, state);
  return { startedAt: state.startedAt };
}

function commandOf(container: ContainerRecord): readonly string[] {
  const paths = pathsOf(container.id);
  return [
    ...crun(paths),
    'run',
    '--detach',
    `--bundle=${paths.bundle}`,
    `--pid-file=${paths.pidFile}`,
    ...(container.tty ? [`--console-socket=${paths.console}`] : []),
    container.id,
  ];
}

async function spawn({ agent }: Machine, container: ContainerRecord): Promise<ProcessState> {
  const paths = pathsOf(container.id);
  const options = optionsOf({ tty: container.tty, input: container.stdinOpen, keep: container.logCapacity });
  return await agent.ask(
    stateOf,
    'spawn',
    container.id,
    options,
    paths.output,
    paths.pidFile,
    paths.console,
    paths.groupFolder,
    ...commandOf(container),
  );
}

async function noteStart(machine: Machine, container: ContainerRecord, { startedAt }: ProcessState): Promise<void> {
  await machine.turns(async () => {
    const current = machine.record.containers[container.name];
    if (current) await note(machine, withContainer({ ...current, startedAt }));
  });
}

async function forgetExit(machine: Machine, { name }: ContainerRecord): Promise<void> {
  await machine.turns(async () => {
    const { exit: _, ...rest } = machine.record.containers[name] ?? {};
    await update(machine, withContainer(rest as ContainerRecord));
  });
}

/** Its exit is the engines' own: 127 when there is no such program, 126 when it cannot be run. */
async function startFailure(machine: Machine, container: ContainerRecord, state: ProcessState): Promise<DriverError> {
  const words = await complaintOf(machine.agent, pathsOf(container.id));
  const exitCode = /permission denied|not permitted|is a directory/i.test(words) ? 126 : 127;
  const exit: ContainerExit = { exitCode, oomKilled: false, finishedAt: state.finishedAt, error: words };
  await keepExit(machine, container, exit);
  return new DriverError('start', words);
}

async function keepExit(machine: Machine, { name, id }: ContainerRecord, exit: ContainerExit): Promise<void> {
  await machine.turns(async () => {
    const current = machine.record.containers[name];
    // Started again meanwhile, or removed.
    if (current?.id !== id || current.exit) return;
    await note(machine, withContainer({ ...current, exit }));
  });
}

/** undefined: it was never started. */
async function processOf({ agent }: Machine, { id }: ContainerRecord): Promise<ProcessState | undefined> {
  try {
    return await agent.ask(stateOf, 'state', id);
  } catch (error) {
    if (error instanceof AgentError && error.errno === noSuchProcess) return undefined;
    throw error;
  }
}

export async function waitContainer(
  context: Context,
  handle: ContainerHandle,
  signal: AbortSignal | undefined,
): Promise<ContainerExit> {
  checkCancelled(signal);
  const cancelled = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(new DriverError('cancelled', 'The wait was cancelled.')));
  });
  // Without a signal nobody listens.
  cancelled.catch(() => {});
  return await Promise.race([untilExit(context, handle), cancelled]);
}

async function untilExit(context: Context, handle: ContainerHandle): Promise<ContainerExit> {
  for (;;) {
    const { machine, container } = findContainer(context, handle);
    if (container.exit) return container.exit;
    if (machine.record.ended) return exitOfMachine(container, machine.record.ended);
    try {
      const state = await machine.agent.ask(stateOf, 'wait', container.id);
      return await exitOf(machine, container, state);
    } catch (error) {
      if (error instanceof AgentError && error.errno === noSuchProcess) {
        // Not started yet, or just removed.
        await delay(20);
        continue;
      }
      if (!(error instanceof DriverError && error.kind === 'engine')) throw error;
      if (machine.closing && context.machines.get(handle.sandboxId) === machine)
        throw new DriverError('cancelled', 'The driver was closed.');
      if (!machine.closing) await machine.ended;
      else throw new DriverError('not-found', `Container ${handle.name} of sandbox ${handle.sandboxId} is gone.`);
    }
  }
}

/** The machine's end is its containers' end. */
function exitOfMachine(container: ContainerRecord, { reason, at }: { reason: string; at: number }): ContainerExit {
  return { exitCode: 137, oomKilled: false, finishedAt: Math.max(at, container.startedAt ?? 0), error: reason };
}

async function exitOf(machine: Machine, container: ContainerRecord, state: ProcessState): Promise<ContainerExit> {
  const known = machine.record.containers[container.name]?.exit;
  if (known) return known;
  if (state.state === 'failed') {
    await startFailure(machine, container, state);
    return machine.record.containers[container.name]?.exit ?? exitOf(machine, container, state);
  }
  const killed = state.code === 137 && !machine.stopped.has(container.id);
  const exit: ContainerExit = {
    exitCode: state.code,
    oomKilled: killed && (await wasOutOfMemory(machine, container)),
    finishedAt: Math.max(state.finishedAt, state.startedAt),
  };
  await keepExit(machine, container, exit);
  return machine.record.containers[container.name]?.exit ?? exit;
}

async function wasOutOfMemory({ agent }: Machine, { id }: ContainerRecord): Promise<boolean> {
  const [text] = await agent.call('read', `${pathsOf(id).groupFolder}/memory.events`).catch((error: unknown) => {
    if (error instanceof AgentError) return [];
    throw error;
  });
  return Number(/^oom_kill (\d+)$/m.exec(text?.toString() ?? '')?.[1] ?? 0) > 0;
}

export async function stopContainer(context: Context, handle: ContainerHandle, graceSeconds: number): Promise<void> {
  const found = findOrNothing(context, handle);
  if (!found || found.machine.record.ended) return;
  const { machine, container } = found;
  const state = await processOf(machine, container);
  if (!state || state.state === 'exited' || state.state === 'failed') return;
  machine.stopped.add(container.id);
  const ended = machine.agent.call('wait', container.id).then(
    () => true,
    // Gone, with its machine or alone.
    () => true,
  );
  await machine.agent.call('signal', container.id, signalNumber(container.stopSignal));
  const timer = new AbortController();
  const grace = delay(Math.max(0, Math.ceil(graceSeconds)) * 1000, false, { signal: timer.signal }).catch(() => false);
  if (!(await Promise.race([ended, grace]))) await killContainer(machine, container, ended);
  timer.abort();
  await ended;
}

/** Its machine is given up when even that takes too long: its end is certain. */
async function killContainer(machine: Machine, { id }: ContainerRecord, ended: Promise<unknown>): Promise<void> {
  const { agent } = machine;
  const timer = setTimeout(
    () => giveUp(machine, `a container could not be killed in ${KILL_PATIENCE / 1000} seconds`),
    KILL_PATIENCE,
  );
  try {
    await agent.call('signal', id, 9).catch(ignoreGone);
    const soon = await Promise.race([ended, delay(1000, false, { ref: false })]);
    if (soon) return;
    await killGroup(agent, id).catch(ignoreGone);
    await ended;
    await writeLimits(agent, machine.record.sandbox?.limits ?? {}).catch(ignoreGone);
  } finally {
    clearTimeout(timer);
  }
}

export async function removeContainer(context: Context, handle: ContainerHandle): Promise<void> {
  const found = findOrNothing(context, handle);
  if (!found) return;
  const { machine, container } = found;
  machine.stopped.add(container.id);
  if (!machine.record.ended) await removeFromGuest(machine, container).catch(ignoreGone);
  await machine.turns(async () => {
    const { [container.name]: removed, ...others } = machine.record.containers;
    if (removed?.id === container.id) await update(machine, (record) => ({ ...record, containers: others }));
  });
  machine.stopped.delete(container.id);
}

async function removeFromGuest(machine: Machine, container: ContainerRecord): Promise<void> {
  const { agent } = machine;
  const paths = pathsOf(container.id);
  const state = await processOf(machine, container);
  if (state) {
    const ended = agent.call('wait', container.id);
    await agent.call('signal', container.id, 9);
    await ended;
    await runInGuest(agent, `delete-${container.id}`, [...crun(paths), 'delete', '--force', container.id]);
    await agent.call('forget', container.id);
  }
  await agent.call('unmount', paths.rootfs);
  await agent.call('remove', paths.layers);
  await agent.call('remove', paths.bundle);
}

/** One that is frozen, or does not run, is left as it is. */
export async function freezeContainer(context: Context, handle: ContainerHandle, frozen: boolean): Promise<void> {
  const { machine, container } = findContainer(context, handle);
  const file = `${pathsOf(container.id).groupFolder}/cgroup.freeze`;
  await machine.agent.call('write', file, 0, frozen ? '1' : '0').catch((error: unknown) => {
    if (!(error instanceof AgentError)) throw error;
  });
}

export async function inspectContainer(context: Context, handle: ContainerHandle): Promise<ContainerState | undefined> {
  const found = findOrNothing(context, handle);
  return found && (await containerState(found.machine, found.container));
}

export async function containerState(machine: Machine, container: ContainerRecord): Promise<ContainerState> {
  const { sandbox, ended } = machine.record;
  const facts = {
    handle: handleOf(sandbox?.id ?? '', container),
    imageDigest: container.imageDigest,
    labels: container.labels,
  };
  if (container.exit) return exited(facts, container, container.exit);
  if (ended)
    return container.startedAt === undefined
      ? { ...facts, status: 'created' }
      : exited(facts, container, exitOfMachine(container, ended));
  const state = await processOf(machine, container);
  if (!state || state.state === 'starting') return { ...facts, status: 'created' };
  if (state.state === 'running') return { ...facts, status: 'running', startedAt: state.startedAt };
  return exited(facts, { ...container, startedAt: state.startedAt }, await exitOf(machine, container, state));
}

function exited(
  facts: Omit<ContainerState, 'status'>,
  { startedAt }: ContainerRecord,
  exit: ContainerExit,
): ContainerState {
  // Without a start it failed to.
  const started = exit.error !== undefined && exit.exitCode !== 137 ? undefined : startedAt;
  return { ...facts, status: 'exited', ...(started === undefined ? {} : { startedAt: started }), exit };
}

function findOrNothing(context: Context, handle: ContainerHandle) {
  try {
    return findContainer(context, handle);
  } catch (error) {
    if (error instanceof DriverError && error.kind === 'not-found') return undefined;
    throw error;
  }
}

function ignoreGone(error: unknown): void {
  if (error instanceof AgentError && error.errno === noSuchProcess) return;
  if (!(error instanceof DriverError && error.kind === 'engine')) throw error;
}

export function checkCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new DriverError('cancelled', 'The call was cancelled.');
}
