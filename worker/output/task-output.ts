/** The output of one task's containers, from before the first starts until all of it is delivered. */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import type { Logger } from 'pino';
import type { TaskSpec } from '../../core/task.ts';
import type { ContainerFile, ContainerHandle, Driver } from '../../runtime/driver.ts';
import { pause } from '../persistence.ts';
import { forgetCursors, openCursor, readOrMakeKey } from './cursor.ts';
import { isRouted, isRouter, routerConfiguration } from './firelens.ts';
import { eventStart, type LogOptions, type OutputOptions, outputOptions } from './log-options.ts';
import { type Shipper, startShipper } from './shipper.ts';
import type { Sink } from './sink.ts';

/** Where one container's output goes. */
export interface Destination {
  /**
   * Makes what must be there before the container starts.
   * @throws ResourceError when it cannot be had; anything else may be tried again
   */
  prepare(signal: AbortSignal): Promise<void>;
  sink(): Sink;
}

export interface OutputOf {
  readonly spec: TaskSpec;
  /** Of the task; undefined: it has none yet. */
  readonly address: () => string | undefined;
  /** What the task's log router knows the worker by. */
  readonly routerKey: string;
  readonly container: string;
  readonly output: OutputOptions;
  readonly log: Logger;
}

export interface OutputContext {
  readonly driver: Pick<Driver, 'logs' | 'pauseContainer' | 'resumeContainer'>;
  /** Where the places up to which output was delivered are kept. */
  readonly folder: string;
  /** Bytes waiting in all buffers of the worker. */
  readonly buffered: { bytes: number };
  readonly clock: () => number;
  /** undefined: this log driver's output stays with the runtime. */
  readonly destination: (of: OutputOf) => Destination | undefined;
}

export interface TaskOutput {
  /** @throws ResourceError, or what may be tried again */
  prepare(definition: ContainerDefinition, secretOptions: LogOptions, signal: AbortSignal): Promise<void>;
  /** What is to be in a container's file system: a log router's configuration. */
  filesFor(
    definition: ContainerDefinition,
    secretOptions: (definition: ContainerDefinition) => LogOptions,
  ): Promise<readonly ContainerFile[]>;
  /** Begins to deliver, where an earlier process stopped. */
  start(handle: ContainerHandle): void;
  /** The container runs again. */
  again(container: string): void;
  /** The container has ended for good. */
  finish(container: string): void;
  /** The container is to be stopped. */
  release(container: string): Promise<void>;
  /** The same for what goes to the task's log router. */
  routed(): Promise<void>;
  /** Resolves when everything was delivered, or nothing has been for too long. */
  drained(): Promise<void>;
  /** After the task's containers are gone. */
  forget(): Promise<void>;
}

/** Milliseconds without any progress after which a task's end waits no longer for its output. */
const drainPatience = 30_000;

export function createTaskOutput(
  context: OutputContext,
  task: {
    readonly spec: TaskSpec;
    readonly containers: readonly ContainerDefinition[];
    /** Of the task's network interface. */
    readonly address: () => string | undefined;
    /** Fetches a container's secret options. */
    readonly secretOptions: (definition: ContainerDefinition) => Promise<LogOptions>;
    readonly closing: AbortSignal;
    readonly log: Logger;
  },
): TaskOutput {
  const { spec, closing, log } = task;
  const shippers = new Map<string, Promise<Shipper | undefined>>();
  const finished = new Set<string>();

  let key: Promise<string> | undefined;
  const routerKey = () => {
    key ??= readOrMakeKey(context.folder, spec.taskId);
    return key;
  };

  async function destinationOf(definition: ContainerDefinition, secretOptions: LogOptions) {
    const output = outputOptions(definition, secretOptions);
    if (output === undefined) return undefined;
    const container = definition.name ?? '';
    const { address } = task;
    const destination = context.destination({
      spec,
      container,
      output,
      address,
      routerKey: isRouted(definition) ? await routerKey() : '',
      log,
    });
    return destination && { output, destination };
  }

  async function ship(definition: ContainerDefinition, handle: ContainerHandle): Promise<Shipper | undefined> {
    const secret = definition.logConfiguration?.secretOptions?.length ? await task.secretOptions(definition) : {};
    const found = await destinationOf(definition, secret);
    if (!found || closing.aborted) return undefined;
    const { output, destination } = found;
    const startsEvent = output.driver === 'awslogs' ? eventStart(output.options) : undefined;
    const shipper = startShipper({
      driver: context.driver,
      handle,
      sink: destination.sink(),
      cursor: openCursor(context.folder, spec.taskId, handle.name),
      mode: output.mode,
      ...(startsEvent && { startsEvent }),
      buffered: context.buffered,
      clock: context.clock,
      closing,
      log: log.child({ container: handle.name }),
    });
    if (finished.has(handle.name)) shipper.finish();
    return shipper;
  }

  async function drain(names: readonly string[]): Promise<void> {
    const started = await Promise.all(names.map(async (name) => await shippers.get(name)));
    const all = started.filter((shipper) => shipper !== undefined);
    for (const shipper of all) shipper.finish();
    const done = Promise.all(all.map(async (shipper) => await shipper.done)).then(() => true);
    for (let before = -1; !closing.aborted; ) {
      const settled = new AbortController();
      const late = pause(drainPatience, AbortSignal.any([settled.signal, closing])).then(() => false);
      const over = await Promise.race([done, late]);
      settled.abort();
      if (over) return;
      const progress = all.reduce((sum, shipper) => sum + shipper.progress, 0);
      if (progress === before) break;
      before = progress;
    }
    if (closing.aborted) return;
    log.error("the task's end waits no longer for its output to be delivered");
    for (const shipper of all) shipper.abandon();
  }

  const withShipper = (container: string, action: (shipper: Shipper) => void) => {
    shippers.get(container)?.then((shipper) => shipper && action(shipper));
  };

  return {
    async prepare(definition, secretOptions, signal) {
      const found = await destinationOf(definition, secretOptions);
      if (!found) return;
      if (found.output.driver === 'awslogs') eventStart(found.output.options);
      await found.destination.prepare(signal);
    },

    start(handle) {
      const definition = task.containers.find(({ name }) => name === handle.name);
      if (definition === undefined || shippers.has(handle.name)) return;
      const shipper = ship(definition, handle).catch((error: unknown) => {
        log.error({ err: error, container: handle.name }, 'output cannot be delivered');
        return undefined;
      });
      shippers.set(handle.name, shipper);
    },

    again: (container) => withShipper(container, (shipper) => shipper.again()),

    finish(container) {
      finished.add(container);
      withShipper(container, (shipper) => shipper.finish());
    },

    release: async (container) => await (await shippers.get(container))?.release(),

    async filesFor(definition, secretOptions) {
      if (!isRouter(definition)) return [];
      const routed = task.containers
        .filter(isRouted)
        .map((each) => ({ name: each.name ?? '', options: outputOptions(each, secretOptions(each))?.options ?? {} }));
      const { path, text } = routerConfiguration(definition, routed, spec, await routerKey());
      return [{ path, text, mode: 0o644 }];
    },

    routed: async () => await drain(task.containers.filter(isRouted).map(({ name = '' }) => name)),
    drained: async () => await drain([...shippers.keys()]),
    forget: async () => await forgetCursors(context.folder, spec.taskId),
  };
}
