/** Containers: created in a sandbox, started, waited for, stopped, removed. */
import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import {
  type ContainerConfig,
  type ContainerExit,
  type ContainerHandle,
  type ContainerState,
  DriverError,
} from '../driver.ts';
import { shareOf } from './container-limits.ts';
import type { Context } from './context.ts';
import { checkCancelled, engineWords, failure, statusOf } from './engine.ts';
import type { ExitWatch } from './exit-watch.ts';
import { CONTAINER, isValidContainerName, OWNER, RECORD, ROLE, SANDBOX, withoutOurs } from './names.ts';
import { named } from './pause.ts';
import type { SandboxRecord } from './record.ts';
import { hurry, removeContainerById } from './remove.ts';
import { findRecord } from './sandbox.ts';
import { tarOf } from './tar.ts';
import { mountsOf } from './volumes.ts';

/** Bytes of output. */
const usualLogCapacity = 64 * 2 ** 20;
const logFiles = 5;

export async function createContainer(
  context: Context,
  config: ContainerConfig,
  signal: AbortSignal | undefined,
): Promise<ContainerHandle> {
  const { engine, names } = context;
  checkCancelled(signal);
  if (!isValidContainerName(config.name))
    throw new DriverError('create', `"${config.name}" is not a valid container name.`);
  const record = await findRecord(context, config.sandboxId);
  if (!record) throw new DriverError('not-found', `There is no sandbox ${config.sandboxId}.`);
  const ready = async (id: string): Promise<ContainerHandle> => {
    await putFiles(context, id, config);
    return { sandboxId: config.sandboxId, name: config.name, id };
  };
  const name = names.container(config.sandboxId, config.name);
  try {
    const body = await containerBody(context, config, record);
    const { id } = await context.turns(
      config.mounts?.length ? config.sandboxId : undefined,
      async () => await engine.call((docker) => docker.createContainer(named(name, body))),
    );
    if (signal?.aborted) await removeContainerById(context, id);
    checkCancelled(signal);
    return await ready(id);
  } catch (error) {
    if (statusOf(error) === 409) return await ready(await existingContainer(context, config, name, error));
    const missingImage = statusOf(error) === 404 && /no such image/i.test(engineWords(error));
    throw failure(missingImage ? 'image-not-found' : 'create', error);
  }
}

/** Only into what has not run yet, so that nothing of a running container is overwritten. */
async function putFiles({ engine }: Context, id: string, { files = [] }: ContainerConfig): Promise<void> {
  if (files.length === 0) return;
  const { State } = await engine.call((docker) => docker.getContainer(id).inspect());
  if (State.Status !== 'created') return;
  const tar = tarOf(files.map(({ path, text, mode }) => ({ path: path.slice(1), mode, data: Buffer.from(text) })));
  try {
    await engine.call((docker) => docker.getContainer(id).putArchive(tar, { path: '/' }));
  } catch (error) {
    throw failure('create', error);
  }
}

async function existingContainer(
  { engine, names }: Context,
  config: ContainerConfig,
  name: string,
  conflict: unknown,
): Promise<string> {
  const { Id, Config } = await engine.call((docker) => docker.getContainer(name).inspect());
  const labels = Config.Labels;
  if (labels[OWNER] === names.owner && labels[SANDBOX] === config.sandboxId && labels[CONTAINER] === config.name)
    return Id;
  throw failure('create', conflict);
}

async function containerBody(
  context: Context,
  config: ContainerConfig,
  record: SandboxRecord,
): Promise<Docker.ContainerCreateOptions> {
  const { names, cgroups } = context;
  const limits = cgroups.enforced ? config.limits : shareOf(config.name, config.limits, record);
  const disk = context.diskQuota.enforced ? (config.limits.disk ?? record.limits.disk) : undefined;
  return {
    Image: config.image,
    Entrypoint: config.entrypoint && [...config.entrypoint],
    Cmd: config.command && [...config.command],
    Env: Object.entries(config.environment).map(([key, value]) => `${key}=${value}`),
    WorkingDir: config.workingDirectory,
    User: config.user,
    Tty: config.tty ?? false,
    OpenStdin: config.stdinOpen ?? false,
    StopSignal: config.stopSignal,
    // Hostname is absent: the engine refuses it here and gives the sandbox's own.
    Labels: {
      ...config.labels,
      [OWNER]: names.owner,
      [ROLE]: 'container',
      [SANDBOX]: config.sandboxId,
      [CONTAINER]: config.name,
      [RECORD]: JSON.stringify(record),
    },
    // Health is the caller's to check: an image's own HEALTHCHECK does not count.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: `container:${names.sandbox(config.sandboxId)}`,
      CgroupParent: cgroups.parentOf(config.sandboxId),
      IpcMode: 'private',
      PidMode: config.sharedProcesses ? `container:${names.sandbox(config.sandboxId)}` : undefined,
      Memory: limits.memory,
      // Memory and swap together: no swap on top.
      MemorySwap: limits.memory,
      MemoryReservation: config.memoryReservation,
      NanoCpus: limits.cpus === undefined ? undefined : Math.round(limits.cpus * 1e9),
      CpuShares: config.cpuShares,
      PidsLimit: limits.pids,
      CapAdd: [...config.capabilities.add],
      CapDrop: [...config.capabilities.drop],
      SecurityOpt: config.noNewPrivileges ? ['no-new-privileges'] : undefined,
      Ulimits: config.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      Init: config.init ?? false,
      ReadonlyRootfs: config.readonlyRootFilesystem ?? false,
      Sysctls: config.sysctls ? { ...config.sysctls } : undefined,
      StorageOpt: disk === undefined ? undefined : { size: String(disk) },
      ...(await mountsOf(context, config, record.volumes)),
      LogConfig: logConfig(config.logCapacity ?? usualLogCapacity),
      RestartPolicy: { Name: 'no' },
    },
  };
}

/** Rotated in parts: the oldest makes room for the newest. */
function logConfig(capacity: number): Docker.HostConfig['LogConfig'] {
  const part = Math.ceil(capacity / (logFiles - 1));
  return { Type: 'json-file', Config: { 'max-size': String(part), 'max-file': String(logFiles) } };
}

export async function startContainer(
  context: Context,
  handle: ContainerHandle,
  { again = false }: { readonly again?: boolean } = {},
): Promise<{ readonly startedAt: number }> {
  const { engine, ends } = context;
  // The engine starts what has ended without being told; only what we noted of the earlier run must go.
  if (again) ends.stopped.delete(handle.id);
  try {
    await engine.call((docker) => docker.getContainer(handle.id).start());
  } catch (error) {
    const status = statusOf(error);
    if (status === 304) return { startedAt: (await inspectContainer(context, handle))?.startedAt ?? Date.now() };
    throw failure(status === 404 && isUnknownContainer(error, handle) ? 'not-found' : 'start', error);
  }
  const startedAt = Date.now();
  ends.started.set(handle.id, startedAt);
  return { startedAt };
}

/** 404 is also the engine's answer when the sandbox or the command to run is missing. */
function isUnknownContainer(error: unknown, { id }: ContainerHandle): boolean {
  return engineWords(error).includes(`No such container: ${id}`);
}

/** Looks until the container has ended; an engine that cannot be reached is waited for. */
export async function waitContainer(
  context: Context,
  watch: ExitWatch,
  handle: ContainerHandle,
  signal: AbortSignal | undefined,
): Promise<ContainerExit> {
  for (let pause = 100; ; ) {
    checkCancelled(signal);
    const looking = new AbortController();
    const abort = () => looking.abort();
    signal?.addEventListener('abort', abort);
    try {
      const ended = watch.next(handle.id, looking.signal);
      const state = await inspectContainer(context, handle);
      if (!state)
        throw new DriverError('not-found', `Container ${handle.name} of sandbox ${handle.sandboxId} is gone.`);
      if (state.exit) return await confirmExit(context, handle, state.exit);
      pause = 100;
      await ended;
    } catch (error) {
      if (!(error instanceof DriverError && error.kind === 'engine')) throw error;
      await delay(pause);
      pause = Math.min(2 * pause, 2000);
    } finally {
      signal?.removeEventListener('abort', abort);
      looking.abort();
    }
    if (watch.closed) throw new DriverError('cancelled', 'The driver was closed.');
  }
}

/** Milliseconds between looks. Hardly anything but a lack of memory kills a container that nobody stopped. */
const confirmAfter: readonly number[] = [100, 200, 500];

/** The engine may tell an exit a moment before it tells that the exit was for lack of memory. */
async function confirmExit(context: Context, handle: ContainerHandle, exit: ContainerExit): Promise<ContainerExit> {
  if (exit.exitCode !== 137 || exit.oomKilled || context.ends.stopped.has(handle.id)) return exit;
  if (((await context.cgroups.oomKills(handle.sandboxId)) ?? 0) > 0) return { ...exit, oomKilled: true };
  let newest = exit;
  for (const pause of confirmAfter) {
    await delay(pause);
    newest = (await inspectContainer(context, handle))?.exit ?? newest;
    if (newest.oomKilled) break;
  }
  return newest;
}

export async function stopContainer(context: Context, handle: ContainerHandle, graceSeconds: number): Promise<void> {
  const { engine, ends } = context;
  const { id } = handle;
  ends.stopped.add(id);
  const grace = Math.max(0, Math.ceil(graceSeconds));
  const hurried = hurry(context, handle, grace);
  try {
    await engine.call((docker) => docker.getContainer(id).stop({ t: grace }), (grace + 60) * 1000);
  } catch (error) {
    if (statusOf(error) !== 304 && statusOf(error) !== 404) throw failure('engine', error);
  } finally {
    hurried();
  }
}

export async function pauseContainer({ engine }: Context, { id }: ContainerHandle): Promise<void> {
  await changeUnlessSo(async () => await engine.call((docker) => docker.getContainer(id).pause()));
}

export async function resumeContainer({ engine }: Context, { id }: ContainerHandle): Promise<void> {
  await changeUnlessSo(async () => await engine.call((docker) => docker.getContainer(id).unpause()));
}

/** Engines answer an error for what is so already, and for what does not run. */
async function changeUnlessSo(change: () => Promise<unknown>): Promise<void> {
  try {
    await change();
  } catch (error) {
    if (
      statusOf(error) === 404 ||
      statusOf(error) === 409 ||
      /(not|already) (paused|running)/i.test(engineWords(error))
    )
      return;
    throw failure('engine', error);
  }
}

export async function removeContainer(context: Context, handle: ContainerHandle): Promise<void> {
  const { id } = handle;
  context.ends.stopped.add(id);
  await removeContainerById(context, id, handle.sandboxId);
  context.ends.stopped.delete(id);
  context.ends.started.delete(id);
}

export async function inspectContainer(context: Context, handle: ContainerHandle): Promise<ContainerState | undefined> {
  try {
    const info = await context.looks(() => context.engine.call((docker) => docker.getContainer(handle.id).inspect()));
    return info.Config.Labels[OWNER] === context.names.owner ? stateOf(context, info) : undefined;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw failure('engine', error);
  }
}

export function stateOf({ ends }: Context, info: Docker.ContainerInspectInfo): ContainerState {
  const { Id, Image, State, Config } = info;
  const startedAt = ends.started.get(Id) ?? timeOf(State.StartedAt);
  // A container whose start failed stays `created`, with the reason.
  const failed = State.Status === 'created' && State.Error !== '';
  const running = State.Running || State.Restarting;
  const status = running ? 'running' : State.Status === 'created' && !failed ? 'created' : 'exited';
  return {
    handle: { sandboxId: Config.Labels[SANDBOX] ?? '', name: Config.Labels[CONTAINER] ?? '', id: Id },
    status,
    startedAt: failed ? undefined : startedAt,
    exit: status === 'exited' ? exitOf(info, startedAt, ends.stopped.has(Id)) : undefined,
    imageDigest: Image,
    labels: withoutOurs(Config.Labels),
  };
}

function exitOf(
  { State }: Docker.ContainerInspectInfo,
  startedAt: number | undefined,
  stopped: boolean,
): ContainerExit {
  // The kernel tells every group under a limit of an OOM kill, so a neighbour of the victim is marked as well: only one
  // that was killed, and not by us, is believed.
  const oomKilled = State.OOMKilled && State.ExitCode === 137 && !stopped;
  // Our clock said when it started, the engine's when it ended.
  const finishedAt = Math.max(timeOf(State.FinishedAt) ?? Date.now(), startedAt ?? 0);
  return {
    exitCode: State.ExitCode,
    oomKilled,
    finishedAt,
    ...(State.Error ? { error: engineWords(new Error(State.Error)) } : {}),
  };
}

/** The engine writes the year 1 for "never". */
function timeOf(text: string): number | undefined {
  const time = Date.parse(text);
  return time > 0 ? time : undefined;
}
