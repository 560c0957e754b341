/** Service deployments and revisions as ECS describes them. Pure. */
import type {
  DeploymentLifecycleHookDetail,
  ServiceDeployment as SdkServiceDeployment,
  ServiceRevision as SdkServiceRevision,
  ServiceDeploymentBrief,
  ServiceRevisionSummary,
} from '@aws-sdk/client-ecs';
import { clusterArn, taskDefinitionArn } from '../../../core/arn.ts';
import {
  type HookRun,
  primaryOf,
  type RevisionSummary,
  type Service,
  type ServiceDeployment,
  type ServiceRevision,
} from '../../../core/service/service.ts';
import type { StoredService } from '../../../core/store/store.ts';
import type { Millis } from '../../../core/task.ts';
import { arnOf, launchView, serviceDeploymentArn, serviceRevisionArn } from './view.ts';

export function briefView(service: Service, entry: ServiceDeployment): ServiceDeploymentBrief {
  return {
    serviceDeploymentArn: serviceDeploymentArn(service, entry.id),
    serviceArn: arnOf(service),
    clusterArn: clusterArn(service, service.clusterName),
    ...dates({ startedAt: entry.startedAt, finishedAt: entry.finishedAt }),
    createdAt: new Date(entry.createdAt),
    targetServiceRevisionArn: serviceRevisionArn(service, entry.target.revisionId),
    status: entry.status,
    ...(entry.statusReason !== undefined && { statusReason: entry.statusReason }),
  };
}

export function serviceDeploymentView(stored: StoredService, entry: ServiceDeployment): SdkServiceDeployment {
  const { service } = stored;
  const { rollback, breaker, stage } = entry;
  const weights = { production: entry.productionWeight, test: entry.testWeight };
  return {
    serviceDeploymentArn: serviceDeploymentArn(service, entry.id),
    serviceArn: arnOf(service),
    clusterArn: clusterArn(service, service.clusterName),
    createdAt: new Date(entry.createdAt),
    ...dates({ startedAt: entry.startedAt, finishedAt: entry.finishedAt, stoppedAt: entry.stoppedAt }),
    updatedAt: new Date(entry.updatedAt),
    sourceServiceRevisions: entry.sources.map((summary) => ({
      ...summaryView(stored, summary),
      ...(stage && {
        requestedProductionTrafficWeight: 100 - weights.production,
        requestedTestTrafficWeight: 100 - weights.test,
      }),
    })),
    targetServiceRevision: {
      ...summaryView(stored, entry.target),
      ...(stage && { requestedProductionTrafficWeight: weights.production, requestedTestTrafficWeight: weights.test }),
    },
    status: entry.status,
    ...(entry.statusReason !== undefined && { statusReason: entry.statusReason }),
    // The SDK's list of stages lacks one that the service has.
    ...(stage && { lifecycleStage: stage as NonNullable<SdkServiceDeployment['lifecycleStage']> }),
    ...(entry.hooks.length > 0 && { lifecycleHookDetails: entry.hooks.map(hookView) }),
    deploymentConfiguration: entry.deploymentConfiguration,
    ...(rollback && {
      rollback: {
        reason: rollback.reason,
        startedAt: new Date(rollback.startedAt),
        serviceRevisionArn: serviceRevisionArn(service, rollback.revisionId),
      },
    }),
    deploymentCircuitBreaker: { ...breaker },
    alarms: { status: 'DISABLED' },
  };
}

function summaryView({ service, counts }: StoredService, summary: RevisionSummary): ServiceRevisionSummary {
  const now = {
    requested: primaryOf(service)?.id === summary.deploymentId ? service.desiredCount : 0,
    running: counts[summary.deploymentId]?.running ?? 0,
    pending: counts[summary.deploymentId]?.pending ?? 0,
  };
  const { requested, running, pending } = summary.counts ?? now;
  return {
    arn: serviceRevisionArn(service, summary.revisionId),
    requestedTaskCount: requested,
    runningTaskCount: running,
    pendingTaskCount: pending,
  };
}

function hookView(run: HookRun): DeploymentLifecycleHookDetail {
  return {
    hookId: run.id,
    targetType: run.targetType,
    ...(run.target !== undefined && { targetArn: run.target }),
    status: run.status,
    expiresAt: new Date(run.expiresAt),
    timeoutAction: run.timeoutAction,
  };
}

export function serviceRevisionView(service: Service, revision: ServiceRevision): SdkServiceRevision {
  return {
    serviceRevisionArn: serviceRevisionArn(service, revision.id),
    serviceArn: arnOf(service),
    clusterArn: clusterArn(service, service.clusterName),
    taskDefinition: taskDefinitionArn(service, revision.family, revision.revision),
    ...launchView(revision),
    platformVersion: revision.platformVersion,
    platformFamily: revision.platformFamily,
    loadBalancers: [],
    serviceRegistries: [],
    ...(revision.networkConfiguration && { networkConfiguration: revision.networkConfiguration }),
    containerImages: revision.containerImages.map((image) => ({ ...image })),
    guardDutyEnabled: false,
    serviceConnectConfiguration: { enabled: false },
    volumeConfigurations: [],
    createdAt: new Date(revision.createdAt),
  };
}

function dates<Name extends string>(times: Readonly<Record<Name, Millis | undefined>>): { [Key in Name]?: Date } {
  return Object.fromEntries(
    Object.entries<Millis | undefined>(times).flatMap(([name, at]) => (at === undefined ? [] : [[name, new Date(at)]])),
  ) as { [Key in Name]?: Date };
}
