/** The output of one task's containers, from before the first starts until all of it is delivered. */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import type { Logger } from 'pino';
import type { TaskSpec } from '../../core/task.ts';
import type { ContainerHandle, Driver } from '../../runtime/driver.ts';
import { pause } from '../persistence.ts';
import { forgetCursors, openCursor } from './cursor.ts';
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
  /** Begins to deliver, where an earlier process stopped. */
  start(handle: ContainerHandle): void;
  /** The container runs again. */
  again(container: string): void;
  /** The container has ended for good. */
  finish(container: string): void;
  /** The container is to be stopped. */
  release(container: string): Promise<void>;
  /** Resolves when everything was delivered or time is up. */
  drained(): Promise<void>;
  /** After the task's containers are gone. */
  forget(): Promise<void>;
}

/** Milliseconds that a task's end waits for a destination that does not take its output. */
const drainPatience = 60_000;

export function createTaskOutput(
  context: OutputContext,
  task: {
    readonly spec: TaskSpec;
    readonly containers: readonly ContainerDefinition[];
    /** Fetches a container's secret options. */
    readonly secretOptions: (definition: ContainerDefinition) => Promise<LogOptions>;
    readonly closing: AbortSignal;
    readonly log: Logger;
  },
): TaskOutput {
  const { spec, closing, log } = task;
  const shippers = new Map<string, Promise<Shipper | undefined>>();
  const finished = new Set<string>();

  function destinationOf(definition: ContainerDefinition, secretOptions: LogOptions) {
    const output = outputOptions(definition, secretOptions);
    const container = definition.name ?? '';
    const destination = output && context.destination({ spec, container, output, log });
    return output && destination && { output, destination };
  }

  async function ship(definition: ContainerDefinition, handle: ContainerHandle): Promise<Shipper | undefined> {
    const secret = definition.logConfiguration?.secretOptions?.length ? await task.secretOptions(definition) : {};
    const found = destinationOf(definition, secret);
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

  const withShipper = (container: string, action: (shipper: Shipper) => void) => {
    shippers.get(container)?.then((shipper) => shipper && action(shipper));
  };

  return {
    async prepare(definition, secretOptions, signal) {
      const found = destinationOf(definition, secretOptions);
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

    async drained() {
      const all = (await Promise.all(shippers.values())).filter((shipper) => shipper !== undefined);
      for (const shipper of all) shipper.finish();
      const settled = new AbortController();
      const done = Promise.all(all.map(async (shipper) => await shipper.done)).then(() => 'done' as const);
      const end = await Promise.race([
        done,
        pause(drainPatience, AbortSignal.any([settled.signal, closing])).then(() => 'late' as const),
      ]);
      settled.abort();
      if (end === 'done' || closing.aborted) return;
      log.error("the task's end waits no longer for its output to be delivered");
      for (const shipper of all) shipper.abandon();
    },

    forget: async () => await forgetCursors(context.folder, spec.taskId),
  };
}
