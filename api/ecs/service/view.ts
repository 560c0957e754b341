/** A stored service as ECS describes it. Pure. */
import type {
  CapacityProviderStrategyItem,
  Deployment as SdkDeployment,
  Service as SdkService,
  TaskSet,
} from '@aws-sdk/client-ecs';
import { clusterArn, ecsArn, partitionOf, serviceArn, taskDefinitionArn } from '../../../core/arn.ts';
import { type Deployment, primaryOf, type Service, type ServiceEvent } from '../../../core/service/service.ts';
import { computedDesiredCount } from '../../../core/service-plan/task-sets.ts';
import type { StoredService } from '../../../core/store/store.ts';

export interface ServiceDetails {
  readonly events: readonly ServiceEvent[];
  /** false: no tags, as without `include: [TAGS]`. */
  readonly tags: boolean;
}

type Counted = Pick<StoredService, 'service' | 'counts'>;

export function serviceView(stored: Counted, { events, tags }: ServiceDetails): SdkService {
  const { service, counts } = stored;
  const primary = primaryOf(service);
  const totals = Object.values(counts);
  const isEcs = service.controller === 'ECS';
  // A deleted service has a past in its deployments' history alone.
  const isGone = service.status === 'INACTIVE';
  const deployments = isGone ? [] : service.deployments;
  return {
    serviceArn: arnOf(service),
    serviceName: service.name,
    clusterArn: clusterArn(service, service.clusterName),
    loadBalancers: [],
    serviceRegistries: [],
    status: service.status,
    desiredCount: service.desiredCount,
    runningCount: totals.reduce((sum, { running }) => sum + running, 0),
    pendingCount: totals.reduce((sum, { pending }) => sum + pending, 0),
    ...launchView(service),
    platformVersion: service.platformVersion,
    platformFamily: primary?.revision.platformFamily ?? 'Linux',
    ...(primary && isEcs && { taskDefinition: definitionArn(service, primary) }),
    deploymentConfiguration: service.deploymentConfiguration,
    ...(!isEcs && { taskSets: deployments.map((each) => taskSetView(stored, each, { tags })) }),
    deployments: isEcs ? deployments.map((each) => deploymentView(stored, each)) : [],
    roleArn: `arn:${partitionOf(service.region)}:iam::${service.accountId}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS`,
    events: (isGone ? [] : events).map(({ id, createdAt, message }) => ({
      id,
      createdAt: new Date(createdAt),
      message,
    })),
    createdAt: new Date(service.createdAt),
    ...(service.serviceDeployment && {
      currentServiceDeployment: serviceDeploymentArn(service, service.serviceDeployment.id),
      currentServiceRevisions: currentRevisions(stored),
    }),
    placementConstraints: [],
    placementStrategy: [],
    ...(primary && isEcs && { networkConfiguration: primary.revision.networkConfiguration }),
    healthCheckGracePeriodSeconds: service.healthCheckGracePeriodSeconds,
    schedulingStrategy: 'REPLICA',
    deploymentController: { type: service.controller },
    ...(tags && { tags: [...service.tags] }),
    createdBy: service.createdBy,
    enableECSManagedTags: service.enableECSManagedTags,
    propagateTags: service.propagateTags,
    enableExecuteCommand: service.enableExecuteCommand,
    availabilityZoneRebalancing: service.availabilityZoneRebalancing,
    resourceManagementType: 'CUSTOMER',
  };
}

export function arnOf({ clusterName, name, ...scope }: Service): string {
  return serviceArn(scope, clusterName, name);
}

export function serviceDeploymentArn(service: Service, id: string): string {
  return ecsArn(service, 'service-deployment', service.clusterName, service.name, id);
}

export function serviceRevisionArn(service: Service, id: string): string {
  return ecsArn(service, 'service-revision', service.clusterName, service.name, id);
}

export function taskSetArn(service: Service, id: string): string {
  return ecsArn(service, 'task-set', service.clusterName, service.name, id);
}

function definitionArn(service: Service, { revision }: Deployment): string {
  return taskDefinitionArn(service, revision.family, revision.revision);
}

/** Either a launch type or a strategy. */
export function launchView({
  launchType,
  capacityProviderStrategy,
}: Pick<Service, 'launchType' | 'capacityProviderStrategy'>): {
  launchType?: 'FARGATE';
  capacityProviderStrategy?: CapacityProviderStrategyItem[];
} {
  return capacityProviderStrategy?.length
    ? { capacityProviderStrategy: capacityProviderStrategy.map((item) => ({ ...item })) }
    : launchType
      ? { launchType }
      : {};
}

function deploymentView({ service, counts }: Counted, deployment: Deployment): SdkDeployment {
  const { revision } = deployment;
  const { running = 0, pending = 0 } = counts[deployment.id] ?? {};
  return {
    id: deployment.id,
    status: deployment.status,
    taskDefinition: definitionArn(service, deployment),
    desiredCount: deployment.status === 'PRIMARY' ? service.desiredCount : running + pending,
    pendingCount: pending,
    runningCount: running,
    failedTasks: deployment.failedTasks,
    createdAt: new Date(deployment.createdAt),
    updatedAt: new Date(deployment.updatedAt),
    ...launchView(revision),
    platformVersion: revision.platformVersion,
    platformFamily: revision.platformFamily,
    ...(revision.networkConfiguration && { networkConfiguration: revision.networkConfiguration }),
    rolloutState: deployment.rolloutState,
    rolloutStateReason: deployment.rolloutStateReason,
    ...(revision.serviceConnectConfiguration && { serviceConnectConfiguration: revision.serviceConnectConfiguration }),
  };
}

function currentRevisions({ service, counts }: Counted): SdkService['currentServiceRevisions'] {
  return service.deployments.map((deployment) => ({
    arn: serviceRevisionArn(service, deployment.revision.id),
    requestedTaskCount: deployment.status === 'PRIMARY' ? service.desiredCount : 0,
    runningTaskCount: counts[deployment.id]?.running ?? 0,
    pendingTaskCount: counts[deployment.id]?.pending ?? 0,
  }));
}

/** A deployment of the EXTERNAL controller is a task set. */
export function taskSetView(
  { service, counts }: Counted,
  deployment: Deployment,
  { tags }: { readonly tags: boolean },
): TaskSet {
  const { revision, taskSet } = deployment;
  const { running = 0, pending = 0 } = counts[deployment.id] ?? {};
  return {
    id: deployment.id,
    taskSetArn: taskSetArn(service, deployment.id),
    serviceArn: arnOf(service),
    clusterArn: clusterArn(service, service.clusterName),
    ...(taskSet?.externalId !== undefined && { externalId: taskSet.externalId }),
    status: deployment.status,
    taskDefinition: definitionArn(service, deployment),
    computedDesiredCount: computedDesiredCount(service.desiredCount, deployment),
    pendingCount: pending,
    runningCount: running,
    createdAt: new Date(deployment.createdAt),
    updatedAt: new Date(deployment.updatedAt),
    ...launchView(revision),
    platformVersion: revision.platformVersion,
    platformFamily: revision.platformFamily,
    ...(revision.networkConfiguration && { networkConfiguration: revision.networkConfiguration }),
    loadBalancers: [],
    serviceRegistries: [],
    scale: { value: taskSet?.scale ?? 0, unit: 'PERCENT' },
    stabilityStatus: taskSet?.steady ? 'STEADY_STATE' : 'STABILIZING',
    stabilityStatusAt: new Date(taskSet?.steadyAt ?? deployment.updatedAt),
    tags: tags ? [...(taskSet?.tags ?? [])] : [],
  };
}
