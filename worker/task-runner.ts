/**
 * One task, from its record to its end. The runner goes on from whatever the record and the runtime say, so it is the
 * same code that launches a new task and that takes back one whose worker died at any moment:
 *
 *   launch (unless it is to stop)  ->  keep watch over its containers  ->  shut down
 *
 * What happened is recorded after it happened; every step can be repeated.
 */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import type { LimitFunction } from 'p-limit';
import type { Logger } from 'pino';
import type { After, Clock } from '../core/clock.ts';
import type { EfsFileSystems } from '../core/efs.ts';
import { FencedError } from '../core/errors.ts';
import { lastStatus, stopDecision } from '../core/lifecycle.ts';
import { effectiveContainers, effectiveTask } from '../core/overrides.ts';
import type { Scope } from '../core/scope.ts';
import type { Store, TaskDefinitionName } from '../core/store/store.ts';
import type { StopDecision, Task } from '../core/task.ts';
import type { TaskDefinition, TaskDefinitionBody } from '../core/task-definition.ts';
import type { ContainerExit, ContainerHandle, Driver, PullPolicy, RecoveredSandbox } from '../runtime/driver.ts';
import { type WatchedContainer, watchContainer } from './container-watch.ts';
import { launch } from './launch.ts';
import { withRouter } from './output/firelens.ts';
import { createTaskOutput, type OutputContext, type TaskOutput } from './output/task-output.ts';
import type { ResolveOwnImage } from './own-images.ts';
import { ClosingError, persistently } from './persistence.ts';
import { createRecorder, type Recorder, withContainer } from './recorder.ts';
import { ResourceError } from './resource-error.ts';
import { type FetchResources, fetchNothing } from './resources.ts';
import { shutDown } from './shut-down.ts';
import type { TaskDirectory } from './task-directory.ts';
import type { Surroundings } from './task-environment.ts';

export interface RunnerContext {
  readonly store: Store;
  readonly driver: Driver;
  readonly instance: string;
  readonly clock: Clock;
  readonly after: After;
  readonly log: Logger;
  readonly pullPolicy: PullPolicy;
  /** Where EFS file systems really are, read anew each time; absent: nowhere. */
  readonly efs?: () => EfsFileSystems;
  /** Fetches secrets and environment files; absent: there are none to be had. */
  readonly resources?: FetchResources;
  /** Delivers containers' output; absent: it stays with the runtime. */
  readonly output?: OutputContext;
  /** Finds images of Longshore's own registry; absent: every image is another's. */
  readonly ownImage?: ResolveOwnImage;
  /** Highest `nofile` limit that this host gives. */
  readonly mostOpenFiles?: number;
  /** Who has which address; absent: nobody asks. */
  readonly directory?: TaskDirectory;
  /** What a container finds around it; absent: nothing but its region. */
  readonly surroundings?: (task: RunningTask, container: string) => Promise<Surroundings>;
  /** Bounds sandboxes and containers that are being started at once. */
  readonly starts: LimitFunction;
  readonly definition: (scope: Scope, name: TaskDefinitionName) => Promise<TaskDefinition | undefined>;
  /** Fires when this process ends; tasks are then left as they are. */
  readonly closing: AbortSignal;
  /** Called when another process holds the worker's name. */
  readonly fenced: (error: FencedError) => void;
}

export interface TaskRunner {
  /** A container that was started here; undefined: it has not been. */
  handle(container: string): ContainerHandle | undefined;
  /** Looks again at what is wanted. */
  poke(): void;
  /** Stops the task for a reason of the worker's own. */
  stop(decision: Omit<StopDecision, 'at'>): void;
  /** The task is RUNNING, over, or waits for its own containers; or the worker is closing. */
  readonly launched: Promise<void>;
  /** The task is over, or the worker is closing. */
  readonly ended: Promise<void>;
}

/** What the steps of a task's life share. */
export interface RunningTask {
  readonly context: RunnerContext;
  readonly recorder: Recorder;
  readonly log: Logger;
  /** Definitions with the task's overrides. */
  readonly containers: readonly ContainerDefinition[];
  /** What the definition says of all its containers together. */
  readonly shared: Pick<TaskDefinitionBody, 'volumes' | 'pidMode' | 'executionRoleArn'>;
  /** ARN or name of the role that its programs have; undefined: none. */
  readonly taskRole: string | undefined;
  /** Fires when the task is to stop, whoever decided. */
  readonly stopping: AbortSignal;
  /** Fires when nothing more is to be started: the task is to stop or the worker closes. */
  readonly halted: AbortSignal;
  /** Containers that were started, by name. */
  readonly started: Map<string, WatchedContainer>;
  /** Where the containers' output goes; absent: it stays with the runtime. */
  readonly output: TaskOutput | undefined;
  /** What the runtime still has of the task from before this process. */
  readonly recovered: RecoveredSandbox | undefined;
  watch(name: string, handle: ContainerHandle): void;
  exited(name: string, exit: Partial<ContainerExit> & { readonly reason?: string }): Promise<void>;
  /** Records the decision to stop, unless there is one. */
  decide(decision: Omit<StopDecision, 'at'>): Promise<void>;
  /** Says that the launch goes on only when a container's dependencies let it. */
  waits(): void;
}

export function runTask(context: RunnerContext, task: Task, recovered: RecoveredSandbox | undefined): TaskRunner {
  const log = context.log.child({ task: task.spec.taskId });
  const stop = new AbortController();
  const recorder = createRecorder(task, {
    store: context.store,
    instance: context.instance,
    closing: context.closing,
    failed: (error) => log.warn({ err: error }, 'could not record what happened; trying again'),
  });
  let launchDone: () => void = () => {};
  const launched = new Promise<void>((resolve) => {
    launchDone = resolve;
  });
  const started = new Map<string, WatchedContainer>();
  const ended = run().catch(over).finally(launchDone);

  const outputOf = {
    spec: task.spec,
    closing: context.closing,
    log,
    address: () => recorder.task.observed.networkInterface?.privateIpv4Address,
    secretOptions: async (container: ContainerDefinition) => {
      const { resources = fetchNothing, closing } = context;
      const fetched = await persistently(
        async () => await resources(task.spec, [container], closing),
        closing,
        (error) => error instanceof ResourceError,
      );
      return fetched.secretLogOptions(container);
    },
  };

  async function run(): Promise<void> {
    if (lastStatus(task) === 'STOPPED') return;
    const definition = await context.definition(task.spec, task.spec);
    const containers = definition ? withRouter(effectiveContainers(definition.body, task.spec.overrides)) : [];
    const running: RunningTask = {
      context,
      recorder,
      log,
      containers,
      shared: definition?.body ?? {},
      taskRole: definition && effectiveTask(definition.body, task.spec.overrides).taskRoleArn,
      stopping: stop.signal,
      halted: AbortSignal.any([context.closing, stop.signal]),
      started,
      output: context.output && createTaskOutput(context.output, { ...outputOf, containers }),
      recovered,
      watch,
      exited,
      decide,
      waits: launchDone,
    };
    function watch(name: string, handle: ContainerHandle): void {
      running.output?.start(handle);
      const watched = watchContainer(running, name, handle);
      watched.ended.catch(over);
      running.started.set(name, watched);
    }

    const seen = task.observed.networkInterface;
    if (seen && recovered?.sandbox) context.directory?.enter(seen.privateIpv4Address, running);
    if (stopDecision(task)) stop.abort();
    if (!definition)
      await decide({
        code: 'TaskFailedToStart',
        reason: 'ResourceInitializationError: the task definition is no longer there.',
      });
    await launch(running);
    launchDone();
    await aborted(running.halted);
    if (context.closing.aborted) return;
    await shutDown(running);
    context.directory?.leave(running);
    log.info({ status: 'STOPPED' }, 'task ended');
  }

  async function exited(name: string, exit: Partial<ContainerExit> & { readonly reason?: string }): Promise<void> {
    const finishedAt = exit.finishedAt ?? context.clock();
    const essential = task.spec.containers.find((container) => container.name === name)?.essential ?? true;
    const reason = exit.oomKilled
      ? 'OutOfMemoryError: Container killed due to memory usage'
      : (exit.reason ?? exit.error);
    await recorder.record((observed, newest) => {
      if (observed.containers[name]?.finishedAt !== undefined) return observed;
      const after = withContainer(observed, name, {
        finishedAt,
        ...(exit.exitCode === undefined ? {} : { exitCode: exit.exitCode }),
        ...(reason === undefined ? {} : { reason }),
      });
      if (!essential) return after;
      const decision: StopDecision = {
        code: 'EssentialContainerExited',
        reason: 'Essential container in task exited',
        at: context.clock(),
      };
      return {
        ...after,
        executionStoppedAt: after.executionStoppedAt ?? finishedAt,
        ...(stopDecision(newest) ? {} : { stop: decision }),
      };
    });
    if (essential) stop.abort();
  }

  async function decide(decision: Omit<StopDecision, 'at'>): Promise<void> {
    await recorder.record((observed, newest) =>
      stopDecision(newest) ? observed : { ...observed, stop: { ...decision, at: context.clock() } },
    );
    stop.abort();
  }

  function over(error: unknown): void {
    if (error instanceof ClosingError || context.closing.aborted) return;
    if (error instanceof FencedError) context.fenced(error);
    else log.error({ err: error }, 'a task could not be carried on');
  }

  return {
    launched,
    ended,
    handle: (container) => started.get(container)?.handle,
    poke() {
      recorder.refresh().then((newest) => {
        if (stopDecision(newest)) stop.abort();
      }, over);
    },
    stop(decision) {
      decide(decision).catch(over);
    },
  };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
