/** From a placed task to RUNNING: network, images, containers. */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import { stopDecision } from '../core/lifecycle.ts';
import { networkInterface } from '../core/network-interface.ts';
import { SecretsKeyError } from '../core/secrets/key.ts';
import type { Observed, ObservedContainer, Task } from '../core/task.ts';
import {
  type ContainerHandle,
  type ContainerState,
  DriverError,
  type ImageInfo,
  type RecoveredSandbox,
} from '../runtime/driver.ts';
import { containerConfig, plannedContainer, sandboxConfig } from './container-config.ts';
import { dependenciesOf, passGate } from './dependencies.ts';
import { failureReason, longestReason, type Step } from './failure.ts';
import { refusal } from './output/awslogs.ts';
import { ClosingError, persistently } from './persistence.ts';
import { withContainer } from './recorder.ts';
import { ResourceError } from './resource-error.ts';
import { fetchNothing, type TaskResources } from './resources.ts';
import type { Surroundings } from './task-environment.ts';
import type { RunningTask } from './task-runner.ts';
import { volumeConfigs } from './volumes.ts';

/** How long an engine that does not answer is waited for before the launch fails, milliseconds. */
const enginePatience = 120_000;
/** The same for the service that output goes to. */
const outputPatience = 30_000;
/** Times that a pull is tried again when the registry did not answer or does not know the image. */
const pullRetries = 1;

/** A step of a launch failed for good. */
class LaunchError extends Error {
  override readonly name = 'LaunchError';
  /** Why the task stops, where that is told in other words than why the container did not start. */
  readonly stoppedReason: string;
  constructor(reason: string, options?: ErrorOptions & { readonly stoppedReason?: string }) {
    super(reason, options);
    this.stoppedReason = options?.stoppedReason ?? reason;
  }
}

/** Resolves when all containers were started, or when the task is to stop; failures become the decision to stop. */
export async function launch(task: RunningTask): Promise<void> {
  try {
    if (task.recovered) await takeBack(task, task.recovered);
    if (task.stopping.aborted || task.recorder.task.observed.startedAt !== undefined) return;
    await attachNetwork(task);
    const resources = await fetchResources(task);
    await prepareOutput(task, resources);
    // Nothing of the launch may go on when the task is shut down: all containers are waited for.
    const outcomes = await Promise.allSettled(
      task.containers.map(async (definition) => await startContainer(task, definition, resources)),
    );
    const broken = outcomes.find((outcome) => outcome.status === 'rejected');
    if (broken) throw broken.reason;
    if (outcomes.some((outcome) => outcome.status === 'fulfilled' && outcome.value === 'not started')) return;
    const now = task.context.clock();
    await task.recorder.record((observed) => ({ ...observed, startedAt: lastStart(observed) ?? now }));
    task.log.info({ status: 'RUNNING' }, 'task started');
  } catch (error) {
    if (error instanceof LaunchError) await task.decide({ code: 'TaskFailedToStart', reason: error.stoppedReason });
    else if (!(error instanceof DriverError && error.kind === 'cancelled')) throw error;
  }
}

/** A task runs from the start of its last container, whenever that is recorded: its end may already be. */
function lastStart({ containers }: Observed): number | undefined {
  const starts = Object.values(containers).flatMap(({ startedAt }) => startedAt ?? []);
  return starts.length > 0 ? Math.max(...starts) : undefined;
}

/** Containers that an earlier process of this worker made: watched again, or their end reported as it was. */
async function takeBack(task: RunningTask, recovered: RecoveredSandbox): Promise<void> {
  const { recorder } = task;
  const before = recorder.task.observed;
  for (const { name } of recorder.task.spec.containers) {
    const state = recovered.containers.find(({ handle }) => handle.name === name);
    if (before.containers[name]?.finishedAt !== undefined) {
      // Its end is on record; what it wrote may not have been delivered.
      if (state && state.status !== 'created') task.output?.start(state.handle);
      task.output?.finish(name);
      continue;
    }
    if (state && failedToStart(state)) {
      const start = failureReason(
        'start',
        new DriverError('start', state.exit?.error ?? 'the process could not be run'),
      );
      await recordFailure(task, name, {}, new LaunchError(start));
    } else if (state && state.status !== 'created') {
      const startedAt = state.startedAt ?? task.context.clock();
      await recorder.record((observed) =>
        withContainer(observed, name, {
          startedAt: observed.containers[name]?.startedAt ?? startedAt,
          ...imageOf(observed.containers[name]?.imageDigest ?? state.imageDigest),
        }),
      );
      // One that has ended is told by the watch as well, with its real exit code.
      task.watch(name, state.handle);
    } else if (before.containers[name]?.startedAt !== undefined) {
      await task.exited(name, { reason: 'CannotInspectContainerError: the container is no longer there' });
    }
  }
  const runs = recovered.containers.some(({ status }) => status === 'running');
  if (runs && !recovered.sandbox) {
    await task.decide({
      code: 'EssentialContainerExited',
      reason: "ContainerRuntimeError: the task's network is gone",
    });
  }
}

/** The engine keeps a container whose first process could not be run, and says why. */
function failedToStart(state: ContainerState): boolean {
  return state.status === 'exited' && state.startedAt === undefined;
}

function imageOf(imageDigest: string | undefined): ObservedContainer {
  return imageDigest === undefined ? {} : { imageDigest };
}

async function attachNetwork(task: RunningTask): Promise<void> {
  const { context, recorder } = task;
  if (recorder.task.observed.networkInterface && task.recovered?.sandbox) return;
  const sandbox = await attempt(task, 'sandbox', async () => {
    const config = sandboxConfig(recorder.task, task.containers, volumeConfigs(task.shared, context.efs));
    return await context.starts(async () => await context.driver.createSandbox(config, task.stopping));
  });
  context.directory?.enter(sandbox.ipv4Address, task);
  const now = context.clock();
  recordLater(task, (observed, { spec }) => ({
    ...observed,
    networkInterface: networkInterface(spec, sandbox),
    connectivityAt: observed.connectivityAt ?? now,
  }));
}

/** Everything before the first container, as on Fargate; containers that run already need nothing more. */
async function fetchResources(task: RunningTask): Promise<TaskResources> {
  const { resources = fetchNothing, clock } = task.context;
  const signal = task.halted;
  const deadline = clock() + enginePatience;
  const containers = task.containers.filter(({ name = '' }) => !task.started.has(name));
  try {
    return await persistently(
      async () => await resources(task.recorder.task.spec, containers, signal),
      signal,
      (error) => error instanceof ResourceError || clock() > deadline,
      (error) => task.log.warn({ err: error }, 'secrets could not be read; trying again'),
    );
  } catch (error) {
    if (signal.aborted) throw new DriverError('cancelled', 'The task is to stop.');
    // Without a cause: what went wrong underneath could quote a secret.
    throw error instanceof ResourceError ? new LaunchError(error.message.slice(0, longestReason)) : error;
  }
}

/** Log streams exist before the first container does, as on Fargate; a service that does not answer is waited for. */
async function prepareOutput(
  { context, containers, started, halted, output, log }: RunningTask,
  resources: TaskResources,
) {
  if (output === undefined) return;
  const deadline = context.clock() + outputPatience;
  const prepare = async (definition: ContainerDefinition) =>
    await persistently(
      async () => await output.prepare(definition, resources.secretLogOptions(definition), halted),
      halted,
      (error) => error instanceof ResourceError || context.clock() > deadline,
      (error) => log.warn({ err: error }, 'where output goes does not answer; trying again'),
    );
  try {
    await Promise.all(containers.filter(({ name = '' }) => !started.has(name)).map(prepare));
  } catch (error) {
    if (halted.aborted) throw new DriverError('cancelled', 'The task is to stop.');
    const reason = error instanceof ResourceError ? error : new ResourceError(refusal(error as Error));
    throw new LaunchError(reason.message.slice(0, longestReason), { cause: error });
  }
}

/** Essential containers that cannot start stop the task; others fail alone. */
async function startContainer(
  task: RunningTask,
  definition: ContainerDefinition,
  resources: TaskResources,
): Promise<'done' | 'not started'> {
  const { driver, clock, starts } = task.context;
  const name = definition.name ?? '';
  // One that had ended before this process came is not run again.
  if (task.started.has(name) || task.recorder.task.observed.containers[name]?.finishedAt !== undefined) return 'done';
  let facts: ObservedContainer = {};
  try {
    const image = await pull(task, definition, resources);
    // Images are pulled without waiting; what follows waits for the containers that this one depends on.
    if (dependenciesOf(definition).length > 0) await waitForOthers(task, definition);
    facts = { imageDigest: image.digest };
    const config = containerConfig(task.recorder.task, resources.complete(definition), image, {
      mostOpenFiles: task.context.mostOpenFiles,
      sharedProcesses: task.shared.pidMode === 'task',
      surroundings: await surroundingsOf(task, name),
      files: await task.output?.filesFor(definition, resources.secretLogOptions),
    });
    const create = async () => await starts(async () => await driver.createContainer(config, task.stopping));
    const handle = await attempt(task, 'create', create, definition);
    facts = { ...facts, createdAt: clock() };
    if (isVolumeSource(task, name)) recordLater(task, (observed) => withContainer(observed, name, facts));
    if (task.stopping.aborted) return 'not started';
    let mayHaveStarted = task.recovered !== undefined;
    const start = async () => {
      const careful = mayHaveStarted;
      mayHaveStarted = true;
      return await starts(async () => await startOnce(task, handle, careful));
    };
    facts = { ...facts, startedAt: await attempt(task, 'start', start, definition) };
    recordLater(task, (observed) => withContainer(observed, name, facts));
    task.watch(name, handle);
    return 'done';
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    return await recordFailure(task, name, facts, error);
  }
}

async function surroundingsOf(task: RunningTask, name: string): Promise<Surroundings | undefined> {
  try {
    return await task.context.surroundings?.(task, name);
  } catch (error) {
    if (!(error instanceof SecretsKeyError)) throw error;
    const reason = `ResourceInitializationError: the task's role cannot be given credentials: ${error.message}`;
    throw new LaunchError(reason, { cause: error });
  }
}

/** The container's end and what follows from it for the task are one record: a crash cannot come between. */
async function recordFailure(
  task: RunningTask,
  name: string,
  facts: ObservedContainer,
  { message, stoppedReason }: LaunchError,
): Promise<'done' | 'not started'> {
  const finishedAt = task.context.clock();
  const { recorder } = task;
  const essential = recorder.task.spec.containers.find((container) => container.name === name)?.essential ?? true;
  const decision = { code: 'TaskFailedToStart', reason: stoppedReason } as const;
  await recorder.record((observed, newest) => ({
    ...withContainer(observed, name, { ...facts, finishedAt, reason: message }),
    ...(essential ? { executionStoppedAt: observed.executionStoppedAt ?? finishedAt } : {}),
    ...(essential && !stopDecision(newest) ? { stop: { ...decision, at: finishedAt } } : {}),
  }));
  if (!essential) return 'done';
  await task.decide(decision);
  return 'not started';
}

/** Resolves when the container may start. @throws LaunchError when it never may */
async function waitForOthers(task: RunningTask, definition: ContainerDefinition): Promise<void> {
  const gate = await passGate(task, definition);
  if (gate === 'stopped') throw new DriverError('cancelled', 'The task is to stop.');
  if (gate.state === 'closed') throw new LaunchError(gate.reason, { stoppedReason: 'Task failed to start' });
}

function isVolumeSource({ containers }: RunningTask, name: string): boolean {
  return containers.some(({ volumesFrom }) => volumesFrom?.some(({ sourceContainer }) => sourceContainer === name));
}

/** A user's program never runs twice: what started before a crash or a lost answer counts as started. */
async function startOnce(task: RunningTask, handle: ContainerHandle, mayHaveStarted: boolean): Promise<number> {
  const { driver, clock } = task.context;
  const state = mayHaveStarted ? await driver.inspectContainer(handle) : undefined;
  if (state && failedToStart(state))
    throw new DriverError('start', state.exit?.error ?? 'the process could not be run');
  if (state && state.status !== 'created') return state.startedAt ?? clock();
  return (await driver.startContainer(handle)).startedAt;
}

/** The launch goes on meanwhile: the next record that is waited for comes after this one and tells what is wrong. */
function recordLater(task: RunningTask, change: (observed: Observed, newest: Task) => Observed): void {
  task.recorder.record(change).catch((error: unknown) => task.log.debug({ err: error }, 'a record failed'));
}

/** As the ECS agent: a task's pull begins with its first image and ends with its last, brought or not. */
async function pull(task: RunningTask, definition: ContainerDefinition, resources: TaskResources): Promise<ImageInfo> {
  const { clock } = task.context;
  const seen = task.recorder.task.observed.containers[definition.name ?? ''];
  // An earlier process brought it and said when; this one only looks that it is still there.
  if (seen?.imageDigest !== undefined) return await bringImage(task, definition, resources);
  const pullStartedAt = clock();
  recordLater(task, (observed) => ({ ...observed, pullStartedAt: observed.pullStartedAt ?? pullStartedAt }));
  let image: ImageInfo | undefined;
  try {
    image = await bringImage(task, definition, resources);
    return image;
  } finally {
    const pullStoppedAt = clock();
    recordLater(task, (observed) => ({
      ...withContainer(observed, definition.name ?? '', imageOf(image?.digest)),
      pullStoppedAt: Math.max(observed.pullStoppedAt ?? 0, pullStoppedAt),
    }));
  }
}

/** What must run: what a deployment chose, or what the image was when a worker before this one brought it. */
function knownDigest({ spec, observed }: Task, name: string): string | undefined {
  return (
    spec.containers.find((container) => container.name === name)?.imageDigest ?? observed.containers[name]?.imageDigest
  );
}

async function bringImage(
  task: RunningTask,
  definition: ContainerDefinition,
  resources: TaskResources,
): Promise<ImageInfo> {
  const { driver, pullPolicy } = task.context;
  const container = plannedContainer(task.recorder.task, definition);
  const { image } = container;
  const digest = knownDigest(task.recorder.task, container.name);
  const credentials = resources.registryCredentials(definition);
  const architecture = task.recorder.task.spec.cpuArchitecture === 'ARM64' ? ('arm64' as const) : ('amd64' as const);
  for (let retries = 0; ; retries += 1) {
    try {
      return await persistently(
        async () => {
          const own = await resolveOwnImage(task, image, digest);
          const pulled = await driver.pullImage({
            image,
            ...(digest !== undefined && { digest }),
            policy: pullPolicy,
            platform: { os: 'linux', architecture },
            container,
            ...(credentials && { credentials }),
            ...(own && { image: own.image, credentials: own.credentials }),
            signal: task.stopping,
          });
          return own ? { ...pulled, digest: own.digest } : pulled;
        },
        task.halted,
        (error) => !(error instanceof DriverError && error.kind === 'engine'),
      );
    } catch (error) {
      if (cancelled(task, error)) throw new DriverError('cancelled', 'The task is to stop.');
      const again =
        error instanceof DriverError && (error.kind === 'image-registry' || error.kind === 'image-not-found');
      if (!again || retries >= pullRetries) {
        const wanted = digest === undefined || image.includes('@') ? image : `${image}@${digest}`;
        const platform = `linux/${architecture}`;
        throw new LaunchError(failureReason('pull', error, { image: wanted, platform, retries }), { cause: error });
      }
    }
  }
}

/** @param digest when it is known already what must run */
async function resolveOwnImage(
  { context, recorder, shared, stopping }: RunningTask,
  image: string,
  digest: string | undefined,
) {
  const { accountId, region, overrides } = recorder.task.spec;
  const roleArn = overrides?.executionRoleArn ?? shared.executionRoleArn;
  const name = digest === undefined ? image : `${image.split('@')[0]}@${digest}`;
  return await context.ownImage?.(name, { accountId, region, roleArn }, stopping);
}

/** Runs a step of the runtime; an engine that is away for a while is waited for. */
async function attempt<T>(
  task: RunningTask,
  step: Step,
  action: () => Promise<T>,
  definition: ContainerDefinition = {},
): Promise<T> {
  const deadline = task.context.clock() + enginePatience;
  try {
    return await persistently(
      action,
      task.halted,
      (error) => !(error instanceof DriverError && error.kind === 'engine') || task.context.clock() > deadline,
      (error) => task.log.warn({ err: error, step }, 'the engine failed; trying again'),
    );
  } catch (error) {
    if (cancelled(task, error)) throw new DriverError('cancelled', 'The task is to stop.');
    if (error instanceof ClosingError) throw error;
    task.log.warn({ err: error, step, container: definition.name }, 'a task could not be started');
    throw new LaunchError(failureReason(step, error), { cause: error });
  }
}

function cancelled(task: RunningTask, error: unknown): boolean {
  return (
    (task.stopping.aborted || task.context.closing.aborted) &&
    !(error instanceof DriverError && error.kind !== 'cancelled' && error.kind !== 'engine')
  );
}
