/** What Longshore knows of a task: what was asked for once, what is wanted now, what was observed. */
import type { KeyValuePair, Tag, TaskOverride } from '@aws-sdk/client-ecs';
import type { RuntimeName } from './runtime-choice.ts';
import type { Scope } from './scope.ts';

/** All times in core are milliseconds since the epoch. */
export type Millis = number;

export type DesiredStatus = 'RUNNING' | 'STOPPED';

export type StopCode =
  | 'EssentialContainerExited'
  | 'UserInitiated'
  | 'TaskFailedToStart'
  | 'ServiceSchedulerInitiated'
  | 'SpotInterruption'
  | 'TerminationNotice';

export interface StopDecision {
  readonly code: StopCode;
  readonly reason: string;
  readonly at: Millis;
}

/** One container as RunTask fixed it: enough to describe the task without its definition. */
export interface TaskContainerSpec {
  readonly name: string;
  readonly image: string;
  /** `sha256:…` that `image` was resolved to before the task was placed: exactly that runs, whatever the tag means now. */
  readonly imageDigest?: string;
  readonly essential: boolean;
  /** UUID that ends the container's ARN. */
  readonly id: string;
  /** Fargate's form: `<taskId>-<digits>`. */
  readonly runtimeId: string;
  /** CPU units after overrides; 0 when the definition sets none. */
  readonly cpu: number;
  /** MiB after overrides. */
  readonly memory?: number;
  /** MiB after overrides. */
  readonly memoryReservation?: number;
  /** True when the definition (not the image) has a health check. */
  readonly hasHealthCheck: boolean;
}

/** Written once, when the task is placed; never changed afterwards. */
export interface TaskSpec extends Scope {
  /** 32 lower-case hexadecimal digits. */
  readonly taskId: string;
  readonly clusterName: string;
  readonly family: string;
  readonly revision: number;
  readonly group: string;
  readonly startedBy?: string;
  /** Name of the service that owns the task. */
  readonly serviceName?: string;
  readonly capacityProviderName?: string;
  /** CPU units of the whole task (1024 = one vCPU). */
  readonly cpu: number;
  /** MiB of the whole task. */
  readonly memory: number;
  readonly ephemeralStorageGiB: number;
  readonly platformVersion: string;
  readonly platformFamily: string;
  readonly cpuArchitecture: 'X86_64' | 'ARM64';
  /** Only workers with this runtime may take the task; absent: any may. */
  readonly runtime?: RuntimeName;
  readonly availabilityZone: string;
  readonly subnetId: string;
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: boolean;
  /** UUID of the network interface's attachment. */
  readonly attachmentId: string;
  readonly enableExecuteCommand: boolean;
  /** As DescribeTasks echoes it: one containerOverrides entry for each container. */
  readonly overrides: TaskOverride;
  readonly containers: readonly TaskContainerSpec[];
  readonly createdAt: Millis;
  /** Name of the worker whose capacity the task holds. */
  readonly worker: string;
}

/** Written by the control plane alone. */
export interface Wanted {
  readonly stop?: StopDecision;
  readonly tags: readonly Tag[];
  /** Scale-in and deployments leave the task alone until then. */
  readonly protectedUntil?: Millis;
}

export interface NetworkInterface {
  /** `eni-` and 17 hexadecimal digits. */
  readonly id: string;
  readonly macAddress: string;
  readonly privateIpv4Address: string;
  readonly privateDnsName: string;
}

export type HealthStatus = 'UNKNOWN' | 'HEALTHY' | 'UNHEALTHY';

export interface ObservedContainer {
  readonly imageDigest?: string;
  readonly createdAt?: Millis;
  readonly startedAt?: Millis;
  readonly finishedAt?: Millis;
  readonly exitCode?: number;
  /** `ErrorName: text`, at most 1024 characters. */
  readonly reason?: string;
  readonly health?: HealthStatus;
  /** Times that its restart policy started it again. */
  readonly restartCount?: number;
  readonly lastRestartAt?: Millis;
  /** End (the runtime's own time) that the last restart follows: while that is still its newest, the restart is due. */
  readonly restartedAfter?: Millis;
}

/** Facts, written by the task's worker alone. A fact, once set, is never taken back. */
export interface Observed {
  readonly networkInterface?: NetworkInterface;
  readonly connectivityAt?: Millis;
  readonly pullStartedAt?: Millis;
  readonly pullStoppedAt?: Millis;
  /** All containers started; what must follow before RUNNING (service discovery) has not finished. */
  readonly activatingAt?: Millis;
  readonly startedAt?: Millis;
  /** The worker's own decision to stop: an essential container's exit, a failed start. */
  readonly stop?: StopDecision;
  /** Deregistration from load balancers and service discovery under way. */
  readonly deactivatingAt?: Millis;
  readonly stoppingAt?: Millis;
  /** First essential container's end. */
  readonly executionStoppedAt?: Millis;
  /** No container of the task runs any more; its network is being released. */
  readonly deprovisioningAt?: Millis;
  readonly stoppedAt?: Millis;
  readonly containers: Readonly<Record<string, ObservedContainer>>;
}

export interface Task {
  readonly spec: TaskSpec;
  readonly wanted: Wanted;
  readonly observed: Observed;
  /** ECS's `version`: starts at 1, +1 with every change that a state-change event tells. */
  readonly version: number;
  /** Storage revision for compare-and-set writes. */
  readonly revision: number;
}

/** `account:region:taskId`, unique over everything that one Redis holds. */
export type TaskKey = string;

export function taskKey(of: Scope & { readonly taskId: string }): TaskKey {
  return `${of.accountId}:${of.region}:${of.taskId}`;
}

export function parseTaskKey(key: TaskKey): Scope & { readonly taskId: string } {
  const [accountId = '', region = '', taskId = ''] = key.split(':');
  return { accountId, region, taskId };
}

export type Environment = readonly KeyValuePair[];
