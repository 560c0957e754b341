/** A service as stored: what was asked for, its deployments, and what the scheduler has come to. */
import type {
  AvailabilityZoneRebalancing,
  DeploymentConfiguration,
  DeploymentRolloutState,
  NetworkConfiguration,
  PropagateTags,
  ServiceDeploymentLifecycleStage,
  ServiceDeploymentStatus,
  Tag,
} from '@aws-sdk/client-ecs';
import type { StrategyItem } from '../capacity-provider-strategy.ts';
import { type Scope, scopeKey } from '../scope.ts';
import type { Millis } from '../task.ts';

/** `account:region:cluster:name`, unique over everything that one Redis holds. */
export type ServiceKey = string;

export interface ServiceName extends Scope {
  readonly clusterName: string;
  readonly name: string;
}

export function serviceKey(of: ServiceName): ServiceKey {
  return `${scopeKey(of)}:${of.clusterName}:${of.name}`;
}

export function parseServiceKey(key: ServiceKey): ServiceName {
  const [accountId = '', region = '', clusterName = '', name = ''] = key.split(':');
  return { accountId, region, clusterName, name };
}

/** What tasks are started from. Fixed when it is made, but for what ECS lets change without a new deployment. */
export interface ServiceRevision {
  /** Up to 19 digits. */
  readonly id: string;
  readonly createdAt: Millis;
  readonly family: string;
  readonly revision: number;
  readonly launchType?: 'FARGATE';
  readonly capacityProviderStrategy?: readonly StrategyItem[];
  /** As Fargate resolved it, for example `1.4.0`. */
  readonly platformVersion: string;
  readonly platformFamily: string;
  readonly networkConfiguration?: NetworkConfiguration;
  readonly serviceConnectConfiguration?: { readonly enabled: false };
  /** Containers of the definition; a digest is known once a task has pulled the image. */
  readonly containerImages: readonly ContainerImage[];
}

export interface ContainerImage {
  readonly containerName: string;
  readonly image: string;
  readonly imageDigest?: string;
}

/** How a deployment's failing starts are slowed down. */
export interface Pace {
  /** Attempts in a row that brought no task that counts as healthy. */
  readonly attempts: number;
  readonly failedAt: Millis;
  /** No task is started before. */
  readonly notBefore: Millis;
}

/** One of the tasks' owners: a deployment of the ECS controller, or a task set of the EXTERNAL one. */
export interface Deployment {
  /** `ecs-svc/` and up to 19 digits: what its tasks have as startedBy. */
  readonly id: string;
  readonly revision: ServiceRevision;
  readonly status: 'PRIMARY' | 'ACTIVE' | 'DRAINING';
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
  readonly rolloutState: DeploymentRolloutState;
  readonly rolloutStateReason: string;
  /** Failures in a row, as DescribeServices shows them. */
  readonly failedTasks: number;
  /** Of the last of these. */
  readonly lastFailureAt?: Millis;
  readonly pace?: Pace;
  /** Placement found no room: attempts, and when to try again if nothing is freed before. */
  readonly waitsForCapacity?: Pace;
  readonly taskSet?: TaskSetFields;
}

/** What a task set has beyond a deployment. */
export interface TaskSetFields {
  readonly externalId?: string;
  /** Percent of the service's desired count. */
  readonly scale: number;
  readonly steady: boolean;
  readonly steadyAt: Millis;
  readonly tags: readonly Tag[];
  /** As requested, for example `LATEST`. */
  readonly requestedPlatformVersion: string;
  readonly clientToken?: string;
}

export type HookStatus = 'AWAITING_ACTION' | 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT';

/** One run of a lifecycle hook at a stage. */
export interface HookRun {
  readonly id: string;
  /** Index in deploymentConfiguration.lifecycleHooks. */
  readonly hook: number;
  readonly targetType: 'AWS_LAMBDA' | 'PAUSE';
  readonly target?: string;
  readonly status: HookStatus;
  readonly expiresAt: Millis;
  readonly timeoutAction: 'CONTINUE' | 'ROLLBACK';
  /** When to call the target (again). */
  readonly callAt?: Millis;
  readonly hookDetails?: unknown;
  readonly reason?: string;
}

/** The SDK's list lacks the stage before each shift of production traffic. */
export type LifecycleStage = ServiceDeploymentLifecycleStage | 'PRE_PRODUCTION_TRAFFIC_SHIFT';

export interface RevisionSummary {
  readonly revisionId: string;
  readonly deploymentId: string;
  /** Counts once the service deployment is over; while it runs they are read where tasks are counted. */
  readonly counts?: { readonly requested: number; readonly running: number; readonly pending: number };
}

/** An entry of the service's history: one attempt to bring a revision into service. */
export interface ServiceDeployment {
  /** 21 characters. */
  readonly id: string;
  readonly status: ServiceDeploymentStatus;
  readonly statusReason?: string;
  readonly createdAt: Millis;
  readonly startedAt?: Millis;
  readonly finishedAt?: Millis;
  readonly stoppedAt?: Millis;
  readonly updatedAt: Millis;
  readonly target: RevisionSummary;
  readonly sources: readonly RevisionSummary[];
  readonly deploymentConfiguration: DeploymentConfiguration;
  readonly rollback?: { readonly reason: string; readonly startedAt: Millis; readonly revisionId: string };
  readonly breaker: {
    readonly status: 'MONITORING' | 'MONITORING_COMPLETE' | 'TRIGGERED' | 'DISABLED';
    readonly failureCount: number;
    readonly threshold: number;
  };
  readonly stage?: LifecycleStage;
  readonly stageSince?: Millis;
  readonly hooks: readonly HookRun[];
  /** Percent that the target has. */
  readonly productionWeight: number;
  readonly testWeight: number;
}

export interface ServiceEvent {
  readonly id: string;
  readonly createdAt: Millis;
  readonly message: string;
}

export interface Service extends ServiceName {
  readonly status: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
  readonly createdAt: Millis;
  readonly createdBy: string;
  readonly desiredCount: number;
  readonly controller: 'ECS' | 'EXTERNAL';
  readonly launchType?: 'FARGATE';
  readonly capacityProviderStrategy?: readonly StrategyItem[];
  /** As requested, for example `LATEST`. */
  readonly platformVersion: string;
  readonly deploymentConfiguration: DeploymentConfiguration & {
    readonly maximumPercent: number;
    readonly minimumHealthyPercent: number;
  };
  readonly healthCheckGracePeriodSeconds: number;
  readonly availabilityZoneRebalancing: AvailabilityZoneRebalancing;
  readonly enableExecuteCommand: boolean;
  readonly enableECSManagedTags: boolean;
  readonly propagateTags: PropagateTags;
  readonly tags: readonly Tag[];
  readonly clientToken?: string;
  /** Digest of what CreateService was asked, to know it again. */
  readonly createDigest: string;
  /** Newest first; the PRIMARY one leads. Task sets of the EXTERNAL controller in the order that they were made. */
  readonly deployments: readonly Deployment[];
  /** The newest entry of the history. */
  readonly serviceDeployment?: ServiceDeployment;
  /** What a rollback goes back to: the deployment that last completed, as it was. */
  readonly lastCompleted?: Deployment;
  /** Tasks that are to be stopped, with the reason: decided here, then told to each task. */
  readonly stopping: Readonly<Record<string, string>>;
  /** Everything is as wanted, and the event says so; since then. */
  readonly steadySince?: Millis;
  /** Last messages of kinds that are not repeated while their cause lasts: message -> when. */
  readonly said: Readonly<Record<string, Millis>>;
  /** Zones are being evened out. */
  readonly rebalancing?: boolean;
  readonly inactiveSince?: Millis;
}

/** Deployment of a service that has one; the ECS controller's always has. */
export function primaryOf(service: Pick<Service, 'deployments'>): Deployment | undefined {
  return service.deployments.find(({ status }) => status === 'PRIMARY');
}
