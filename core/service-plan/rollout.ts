/** How a deployment of the ECS controller ends: completed, failed, rolled back, or overtaken by a newer one. */
import type { Deployment, RevisionSummary, ServiceDeployment } from '../service/service.ts';
import { breakerThreshold } from './arithmetic.ts';
import type { Draft } from './draft.ts';
import { deploymentReasons, messages, rolloutReasons } from './messages.ts';
import { isLive } from './service-task.ts';

/** The history's entry begins with the scheduler's first look at it. */
export function begin(draft: Draft): void {
  if (draft.service.serviceDeployment?.status === 'PENDING')
    draft.changeHistory({ status: 'IN_PROGRESS', startedAt: draft.now });
}

export function complete(draft: Draft, primary: Deployment): void {
  const { name, serviceDeployment: history } = draft.service;
  draft.changeDeployment(primary.id, {
    rolloutState: 'COMPLETED',
    rolloutStateReason: rolloutReasons.completed(primary.id),
  });
  const completed = draft.primary;
  if (completed) draft.change({ lastCompleted: completed });
  if (history)
    draft.changeHistory({
      status: isRollback(history) ? 'ROLLBACK_SUCCESSFUL' : 'SUCCESSFUL',
      finishedAt: draft.now,
      ...(history.breaker.status === 'MONITORING' && {
        breaker: { ...history.breaker, status: 'MONITORING_COMPLETE' as const },
      }),
      ...frozenCounts(draft, history),
    });
  draft.say(messages.completed(name, primary.id));
}

/** True when the circuit breaker ended the deployment. */
export function breakCircuit(draft: Draft, primary: Deployment): boolean {
  const { deploymentConfiguration, desiredCount, serviceDeployment: history } = draft.service;
  const breaker = deploymentConfiguration.deploymentCircuitBreaker;
  if (!breaker?.enable || primary.rolloutState !== 'IN_PROGRESS' || !history) return false;
  const threshold = breakerThreshold(desiredCount, breaker);
  if (threshold !== history.breaker.threshold) draft.changeHistory({ breaker: { ...history.breaker, threshold } });
  // What the breaker was triggered by stays on record; the revision that is gone back to has failures of its own.
  const failures = isRollback(history) ? primary.failedTasks : history.breaker.failureCount;
  if (failures < threshold) return false;
  draft.changeHistory({ breaker: { ...history.breaker, threshold, status: 'TRIGGERED' } });
  const failure: RolloutFailure = {
    rolloutStateReason: rolloutReasons.breaker,
    event: 'tasks failed to start',
    rollbackReason: rolloutReasons.breakerRollback,
  };
  if (breaker.rollback) rollBackIfPossible(draft, primary, deploymentReasons.breaker, failure);
  else
    fail(
      draft,
      primary,
      isRollback(history) ? 'ROLLBACK_FAILED' : 'STOPPED',
      deploymentReasons.breakerStopped,
      failure,
    );
  return true;
}

export interface RolloutFailure {
  readonly rolloutStateReason: string;
  /** What the service event says after `deployment failed: `. */
  readonly event: string;
  readonly rollbackReason: (deploymentId: string) => string;
}

/** Goes back to what last completed, or fails when there is nothing to go back to. */
export function rollBackOrFail(draft: Draft, primary: Deployment, reason: string): void {
  const failure: RolloutFailure = {
    rolloutStateReason: reason,
    event: reason.replace(/\.$/, ''),
    rollbackReason: rolloutReasons.rollback,
  };
  rollBackIfPossible(draft, primary, reason, failure);
}

function rollBackIfPossible(draft: Draft, primary: Deployment, reason: string, failure: RolloutFailure): void {
  const { lastCompleted } = draft.service;
  if (lastCompleted && lastCompleted.id !== primary.id) rollBack(draft, primary, reason, failure);
  else fail(draft, primary, 'ROLLBACK_FAILED', deploymentReasons.noCandidate, failure);
}

function fail(
  draft: Draft,
  primary: Deployment,
  status: 'STOPPED' | 'ROLLBACK_FAILED',
  reason: string,
  failure: RolloutFailure,
): void {
  const history = draft.service.serviceDeployment;
  draft.changeDeployment(primary.id, { rolloutState: 'FAILED', rolloutStateReason: failure.rolloutStateReason });
  draft.say(messages.failed(draft.service.name, primary.id, failure.event));
  if (!history) return;
  draft.changeHistory({
    status,
    statusReason: reason,
    stoppedAt: draft.now,
    finishedAt: draft.now,
    ...frozenCounts(draft, history),
  });
}

function rollBack(draft: Draft, primary: Deployment, reason: string, failure: RolloutFailure): void {
  const { lastCompleted: target, deployments, name } = draft.service;
  if (!target) return;
  const { pace: _, waitsForCapacity: __, lastFailureAt: ___, ...fresh } = target;
  const restored: Deployment = {
    ...fresh,
    status: 'PRIMARY',
    failedTasks: 0,
    updatedAt: draft.now,
    rolloutState: 'IN_PROGRESS',
    rolloutStateReason: failure.rollbackReason(target.id),
  };
  const others = deployments
    .filter(({ id }) => id !== target.id)
    .map(
      (each): Deployment =>
        each.id === primary.id
          ? {
              ...each,
              status: 'ACTIVE',
              updatedAt: draft.now,
              rolloutState: 'FAILED',
              rolloutStateReason: failure.rolloutStateReason,
            }
          : each,
    );
  const { lastCompleted: ____, ...service } = draft.service;
  draft.service = {
    ...service,
    deployments: [restored, ...others],
    ...(restored.revision.launchType !== undefined && { launchType: restored.revision.launchType }),
    capacityProviderStrategy: restored.revision.capacityProviderStrategy ?? [],
  };
  const history = draft.service.serviceDeployment;
  if (history) {
    const { stage: _stage, stageSince: _since, ...rest } = history;
    draft.change({
      serviceDeployment: {
        ...rest,
        updatedAt: draft.now,
        status: 'ROLLBACK_IN_PROGRESS',
        statusReason: reason,
        productionWeight: 0,
        testWeight: 0,
        rollback: { reason, startedAt: draft.now, revisionId: target.revision.id },
      },
    });
  }
  draft.say(messages.failed(name, primary.id, failure.event));
  draft.say(messages.rollingBack(name, target.id));
}

export function isRollback(history: ServiceDeployment): boolean {
  return history.status === 'ROLLBACK_IN_PROGRESS';
}

/** The counts of its revisions as they are at the end of a service deployment. */
export function frozenCounts(draft: Draft, history: ServiceDeployment): Pick<ServiceDeployment, 'target' | 'sources'> {
  const freeze = (summary: RevisionSummary): RevisionSummary => {
    const tasks = draft.tasks.filter((task) => task.deploymentId === summary.deploymentId && isLive(task));
    const running = tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length;
    const pending = tasks.filter(({ lastStatus }) =>
      ['PROVISIONING', 'PENDING', 'ACTIVATING'].includes(lastStatus),
    ).length;
    const requested = draft.primary?.id === summary.deploymentId ? draft.service.desiredCount : 0;
    return { ...summary, counts: { requested, running, pending } };
  };
  return { target: freeze(history.target), sources: history.sources.map(freeze) };
}

/** Leaves out deployments that are over: not the PRIMARY one, and without a task left. */
export function dropDrained(draft: Draft): void {
  const alive = new Set(draft.live().map(({ deploymentId }) => deploymentId));
  const left = draft.service.deployments.filter(({ id, status }) => status === 'PRIMARY' || alive.has(id));
  if (left.length < draft.service.deployments.length) draft.change({ deployments: left });
}
