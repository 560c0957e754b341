/** A cluster as the API shows it. */
import type { Cluster as ClusterView, KeyValuePair } from '@aws-sdk/client-ecs';
import { clusterArn } from '../../core/arn.ts';
import type { ClusterCounts } from '../../core/cluster.ts';
import type { Scope } from '../../core/scope.ts';
import type { StoredCluster } from '../../core/store/store.ts';

export type ClusterDetail = 'ATTACHMENTS' | 'CONFIGURATIONS' | 'SETTINGS' | 'STATISTICS' | 'TAGS';

/** What the operations that change a cluster answer. */
export const writtenDetails: readonly ClusterDetail[] = ['CONFIGURATIONS', 'SETTINGS', 'TAGS'];

export function clusterView(scope: Scope, stored: StoredCluster, details: readonly ClusterDetail[]): ClusterView {
  const { cluster, counts } = stored;
  const shows = (detail: ClusterDetail) => details.includes(detail);
  return {
    clusterArn: clusterArn(scope, cluster.name),
    clusterName: cluster.name,
    status: cluster.status,
    registeredContainerInstancesCount: 0,
    runningTasksCount: counts.running,
    pendingTasksCount: counts.pending,
    activeServicesCount: counts.services,
    statistics: shows('STATISTICS') ? statistics(counts) : [],
    tags: shows('TAGS') ? [...cluster.tags] : [],
    settings: shows('SETTINGS') ? [...cluster.settings] : [],
    capacityProviders: [...cluster.capacityProviders],
    defaultCapacityProviderStrategy: [...cluster.defaultCapacityProviderStrategy],
    ...(shows('CONFIGURATIONS') && cluster.configuration && { configuration: cluster.configuration }),
    // Fargate's providers attach nothing to a cluster.
    ...(shows('ATTACHMENTS') && { attachments: [] }),
  };
}

function statistics({ running, pending, services, draining }: ClusterCounts): KeyValuePair[] {
  const values = {
    runningEC2TasksCount: 0,
    runningFargateTasksCount: running,
    runningExternalTasksCount: 0,
    pendingEC2TasksCount: 0,
    pendingFargateTasksCount: pending,
    pendingExternalTasksCount: 0,
    activeEC2ServiceCount: 0,
    activeFargateServiceCount: services,
    activeExternalServiceCount: 0,
    drainingEC2ServiceCount: 0,
    drainingFargateServiceCount: draining,
    drainingExternalServiceCount: 0,
  };
  return Object.entries(values).map(([name, value]) => ({ name, value: String(value) }));
}
