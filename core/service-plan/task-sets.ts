/** Services of the EXTERNAL controller: each task set is kept at its share of the desired count. */
import type { Deployment } from '../service/service.ts';
import type { Draft } from './draft.ts';
import { keepCount } from './keep.ts';
import { lookWhenHealthy } from './rolling.ts';

/** Rounded up. (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskSet.html) */
export function computedDesiredCount(desiredCount: number, { status, taskSet }: Deployment): number {
  return status === 'DRAINING' ? 0 : Math.ceil((desiredCount * (taskSet?.scale ?? 0)) / 100);
}

/** True when every task set is steady. */
export function planTaskSets(draft: Draft): boolean {
  let steady = true;
  for (const deployment of draft.service.deployments) {
    const target = computedDesiredCount(draft.service.desiredCount, deployment);
    const kept = keepCount(draft, deployment, target, { room: Number.POSITIVE_INFINITY });
    const live = draft.live().filter((task) => task.deploymentId === deployment.id).length;
    const isSteady = kept.good.length === target && kept.healthy === target && live === target;
    if (deployment.taskSet && isSteady !== deployment.taskSet.steady)
      draft.changeDeployment(deployment.id, {
        taskSet: { ...deployment.taskSet, steady: isSteady, steadyAt: draft.now },
      });
    steady &&= isSteady;
  }
  lookWhenHealthy(draft, false);
  const alive = new Set(draft.live().map(({ deploymentId }) => deploymentId));
  const left = draft.service.deployments.filter(({ id, status }) => status !== 'DRAINING' || alive.has(id));
  if (left.length < draft.service.deployments.length) draft.change({ deployments: left });
  return steady;
}
