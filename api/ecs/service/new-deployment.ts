/** A new deployment of a service of the ECS controller, and its entry in the history. Pure. */
import type {
  Deployment,
  RevisionSummary,
  Service,
  ServiceDeployment,
  ServiceRevision,
} from '../../../core/service/service.ts';
import { primaryOf } from '../../../core/service/service.ts';
import { breakerThreshold } from '../../../core/service-plan/arithmetic.ts';
import { deploymentReasons, rolloutReasons } from '../../../core/service-plan/messages.ts';
import type { StoredService } from '../../../core/store/store.ts';
import type { Millis } from '../../../core/task.ts';

export interface NewDeployment {
  readonly id: string;
  readonly serviceDeploymentId: string;
  readonly revision: ServiceRevision;
  readonly now: Millis;
}

/** The service with one more deployment, which becomes the PRIMARY one; `history` are entries that end with that. */
export function withDeployment(
  service: Service,
  counts: StoredService['counts'],
  { id, serviceDeploymentId, revision, now }: NewDeployment,
): { readonly service: Service; readonly history: readonly ServiceDeployment[] } {
  const deployment: Deployment = {
    id,
    revision,
    status: 'PRIMARY',
    createdAt: now,
    updatedAt: now,
    rolloutState: 'IN_PROGRESS',
    rolloutStateReason: rolloutReasons.inProgress(id),
    failedTasks: 0,
  };
  const breaker = service.deploymentConfiguration.deploymentCircuitBreaker;
  const sources = service.deployments.filter(({ id: other, status }) => status === 'PRIMARY' || counts[other]);
  const entry: ServiceDeployment = {
    id: serviceDeploymentId,
    status: 'PENDING',
    createdAt: now,
    updatedAt: now,
    target: { revisionId: revision.id, deploymentId: id },
    sources: sources.map((source) => ({ revisionId: source.revision.id, deploymentId: source.id })),
    deploymentConfiguration: service.deploymentConfiguration,
    breaker: {
      status: breaker?.enable ? 'MONITORING' : 'DISABLED',
      failureCount: 0,
      threshold: breaker?.enable ? breakerThreshold(service.desiredCount, breaker) : 0,
    },
    hooks: [],
    productionWeight: 0,
    testWeight: 0,
  };
  const { steadySince: _, ...rest } = service;
  return {
    service: {
      ...rest,
      rebalancing: false,
      said: {},
      deployments: [deployment, ...service.deployments.map((each): Deployment => ({ ...each, status: 'ACTIVE' }))],
      serviceDeployment: entry,
    },
    history: overtaken(service, counts, now),
  };
}

/** The entry that is under way ends here. */
function overtaken(service: Service, counts: StoredService['counts'], now: Millis): readonly ServiceDeployment[] {
  const { serviceDeployment: entry } = service;
  if (!entry || !isUnderWay(entry)) return [];
  const freeze = (summary: RevisionSummary): RevisionSummary => ({
    ...summary,
    counts: {
      requested: summary.deploymentId === primaryOf(service)?.id ? service.desiredCount : 0,
      running: counts[summary.deploymentId]?.running ?? 0,
      pending: counts[summary.deploymentId]?.pending ?? 0,
    },
  });
  return [
    {
      ...entry,
      status: 'STOPPED',
      statusReason: deploymentReasons.superseded,
      stoppedAt: now,
      finishedAt: now,
      updatedAt: now,
      target: freeze(entry.target),
      sources: entry.sources.map(freeze),
    },
  ];
}

export function isUnderWay({ status }: ServiceDeployment): boolean {
  return ['PENDING', 'IN_PROGRESS', 'STOP_REQUESTED', 'ROLLBACK_REQUESTED', 'ROLLBACK_IN_PROGRESS'].includes(status);
}
