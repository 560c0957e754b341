/** ECS's container definition in the runtime's words: the one translator. */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import { clusterArn, taskArn } from '../core/arn.ts';
import type { Task } from '../core/task.ts';
import type { ContainerConfig, ImageInfo, PlannedContainer, SandboxConfig, VolumeConfig } from '../runtime/driver.ts';
import { bufferSize } from './output/log-options.ts';
import { completeEnvironment, type Surroundings } from './task-environment.ts';
import { mountConfig } from './volumes.ts';

/** Fargate's default of open files for each container. */
const openFiles = 65_535;
/** Processes and threads of a whole task: enough for any server, too few for a fork bomb to hurt the host. */
const taskPids = 4096;
/** Bytes of output that may wait for their delivery; a definition's `max-buffer-size` may ask for more. */
const leastLogCapacity = 64 * 2 ** 20;
/** One that is held when its output is not taken in fast enough goes on a moment before it is. */
const blockingLogCapacity = 192 * 2 ** 20;
/** The least CPU weight that engines know; ECS gives it to containers without `cpu`. */
const leastShares = 2;

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** Limits of the task hold over all its containers together. */
export function sandboxConfig(
  task: Task,
  containers: readonly ContainerDefinition[],
  volumes: readonly VolumeConfig[] = [],
): SandboxConfig {
  const sysctls = systemControls(containers, isNetworkControl);
  return {
    id: task.spec.taskId,
    hostname: `task-${task.spec.taskId.slice(0, 12)}`,
    limits: {
      cpus: task.spec.cpu / 1024,
      memory: task.spec.memory * MiB,
      pids: taskPids,
      disk: task.spec.ephemeralStorageGiB * GiB,
    },
    containers: containers.map((definition) => plannedContainer(task, definition)),
    labels: taskLabels(task),
    // Accounts are worlds of their own, on the network too.
    group: task.spec.accountId,
    ...(Object.keys(sysctls).length > 0 ? { sysctls } : {}),
    ...(volumes.length > 0 ? { volumes } : {}),
  };
}

/** What is known of a container before its image is. */
export function plannedContainer(task: Task, definition: ContainerDefinition): PlannedContainer {
  return {
    name: definition.name ?? '',
    image: definition.image ?? '',
    environment: environment(definition, { region: task.spec.region }),
    limits: definition.memory === undefined ? {} : { memory: definition.memory * MiB },
  };
}

/** What holds for all containers of a task. */
export interface TaskWide {
  /** What the host can give at most; Fargate's default is cut to it, a definition's own number is not. */
  readonly mostOpenFiles?: number | undefined;
  /** `pidMode` is `task`. */
  readonly sharedProcesses?: boolean;
  /** Default: nothing but the region. */
  readonly surroundings?: Surroundings | undefined;
  readonly files?: ContainerConfig['files'];
}

/**
 * `definition` has the task's overrides merged in.
 */
export function containerConfig(
  task: Task,
  definition: ContainerDefinition,
  image: ImageInfo,
  { mostOpenFiles = openFiles, sharedProcesses = false, surroundings, files = [] }: TaskWide = {},
): ContainerConfig {
  const { linuxParameters } = definition;
  const logCapacity = capacity(definition);
  const sysctls = systemControls([definition], (name) => !isNetworkControl(name));
  return {
    ...plannedContainer(task, definition),
    ...(surroundings && { environment: environment(definition, surroundings) }),
    sandboxId: task.spec.taskId,
    image: image.image,
    ...(definition.entryPoint?.length ? { entrypoint: definition.entryPoint } : {}),
    ...(definition.command?.length ? { command: definition.command } : {}),
    ...(definition.workingDirectory ? { workingDirectory: definition.workingDirectory } : {}),
    ...(definition.user ? { user: definition.user } : {}),
    readonlyRootFilesystem: definition.readonlyRootFilesystem ?? false,
    cpuShares: Math.max(definition.cpu ?? 0, leastShares),
    ...(definition.memoryReservation === undefined ? {} : { memoryReservation: definition.memoryReservation * MiB }),
    ulimits: ulimits(definition, mostOpenFiles),
    ...(Object.keys(sysctls).length > 0 ? { sysctls } : {}),
    capabilities: { add: linuxParameters?.capabilities?.add ?? [], drop: linuxParameters?.capabilities?.drop ?? [] },
    init: linuxParameters?.initProcessEnabled ?? false,
    ...(sharedProcesses ? { sharedProcesses } : {}),
    ...(files.length > 0 ? { files } : {}),
    ...mountConfig(definition),
    tty: definition.pseudoTerminal ?? false,
    ...(logCapacity === undefined ? {} : { logCapacity }),
    stdinOpen: definition.interactive ?? false,
    labels: containerLabels(task, definition),
  };
}

function capacity({ logConfiguration }: ContainerDefinition): number | undefined {
  if (logConfiguration === undefined) return undefined;
  const least = logConfiguration.options?.mode === 'blocking' ? blockingLogCapacity : leastLogCapacity;
  return Math.max(least, bufferSize(logConfiguration) ?? 0);
}

function environment(definition: ContainerDefinition, surroundings: Surroundings): Record<string, string> {
  const own = Object.fromEntries((definition.environment ?? []).map(({ name = '', value = '' }) => [name, value]));
  return completeEnvironment(surroundings, own);
}

function ulimits(definition: ContainerDefinition, mostOpenFiles: number): ContainerConfig['ulimits'] {
  const own = (definition.ulimits ?? []).map(({ name, softLimit, hardLimit }) => ({
    name: name ?? '',
    soft: softLimit ?? 0,
    hard: hardLimit ?? 0,
  }));
  const most = Math.min(openFiles, mostOpenFiles);
  return own.some(({ name }) => name === 'nofile') ? own : [...own, { name: 'nofile', soft: most, hard: most }];
}

function systemControls(
  containers: readonly ContainerDefinition[],
  chosen: (name: string) => boolean,
): Record<string, string> {
  const all = containers.flatMap(({ systemControls: controls = [] }) => controls);
  return Object.fromEntries(
    all.flatMap(({ namespace = '', value = '' }) => (chosen(namespace) ? [[namespace, value]] : [])),
  );
}

export function containerLabels(task: Task, definition: ContainerDefinition): Record<string, string> {
  return {
    ...definition.dockerLabels,
    ...taskLabels(task),
    'com.amazonaws.ecs.container-name': definition.name ?? '',
  };
}

/** These belong to the namespace that all containers share; those of IPC are each container's own. */
function isNetworkControl(name: string): boolean {
  return name.startsWith('net.');
}

/** The labels that the ECS agent gives containers. */
function taskLabels({ spec }: Task): Record<string, string> {
  return {
    'com.amazonaws.ecs.cluster': clusterArn(spec, spec.clusterName),
    'com.amazonaws.ecs.task-arn': taskArn(spec, spec.clusterName, spec.taskId),
    'com.amazonaws.ecs.task-definition-family': spec.family,
    'com.amazonaws.ecs.task-definition-version': String(spec.revision),
  };
}
