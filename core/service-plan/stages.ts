/**
 * Deployments with two revisions side by side (BLUE_GREEN, LINEAR, CANARY): stage after stage, each with its hooks.
 *
 *   RECONCILE_SERVICE -> PRE_SCALE_UP -> SCALE_UP -> POST_SCALE_UP -> TEST_TRAFFIC_SHIFT -> POST_TEST_TRAFFIC_SHIFT ->
 *   (PRE_PRODUCTION_TRAFFIC_SHIFT -> PRODUCTION_TRAFFIC_SHIFT, for each step) -> POST_PRODUCTION_TRAFFIC_SHIFT ->
 *   BAKE_TIME -> CLEAN_UP
 *
 * Traffic is shifted by whoever serves it; here the weights are decided and recorded.
 * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-stages.html)
 */
import type { DeploymentConfiguration, DeploymentLifecycleHookStage } from '@aws-sdk/client-ecs';
import type { Deployment, HookRun, LifecycleStage, ServiceDeployment } from '../service/service.ts';
import type { Millis } from '../task.ts';
import type { Draft } from './draft.ts';
import { keepCount, stopScaling } from './keep.ts';
import { deploymentReasons } from './messages.ts';
import { lookWhenHealthy } from './rolling.ts';
import { rollBackOrFail } from './rollout.ts';

const order: readonly LifecycleStage[] = [
  'RECONCILE_SERVICE',
  'PRE_SCALE_UP',
  'SCALE_UP',
  'POST_SCALE_UP',
  'TEST_TRAFFIC_SHIFT',
  'POST_TEST_TRAFFIC_SHIFT',
  'PRE_PRODUCTION_TRAFFIC_SHIFT',
  'PRODUCTION_TRAFFIC_SHIFT',
  'POST_PRODUCTION_TRAFFIC_SHIFT',
  'BAKE_TIME',
  'CLEAN_UP',
];

const minute = 60_000;
/** How long a hook may take when it does not say. */
const defaultHookMinutes = 1440;

export function hasStages({ strategy = 'ROLLING' }: DeploymentConfiguration): boolean {
  return strategy !== 'ROLLING';
}

/** True when the last stage is over. Call only while the PRIMARY deployment is IN_PROGRESS and not a rollback. */
export function planStages(draft: Draft, primary: Deployment): boolean {
  if (stageOf(draft) === undefined) enter(draft, firstStage(draft));
  for (let steps = 0; steps < 1000; steps += 1) {
    const hooks = answerHooks(draft);
    if (hooks === 'failed') {
      rollBackOrFail(draft, primary, failureText(draft));
      return false;
    }
    if (hooks === 'waiting' || !isOver(draft, primary)) break;
    const next = following(draft);
    if (next === undefined) {
      keepRevisions(draft, primary);
      return true;
    }
    enter(draft, next);
  }
  keepRevisions(draft, primary);
  return false;
}

function stageOf(draft: Draft): LifecycleStage | undefined {
  return draft.service.serviceDeployment?.stage;
}

function firstStage(draft: Draft): LifecycleStage {
  return (draft.service.serviceDeployment?.sources.length ?? 0) > 1 ? 'RECONCILE_SERVICE' : 'PRE_SCALE_UP';
}

function following(draft: Draft): LifecycleStage | undefined {
  const stage = stageOf(draft);
  if (stage === 'PRODUCTION_TRAFFIC_SHIFT' && (draft.service.serviceDeployment?.productionWeight ?? 0) < 100)
    return 'PRE_PRODUCTION_TRAFFIC_SHIFT';
  return order[order.indexOf(stage ?? 'CLEAN_UP') + 1];
}

function enter(draft: Draft, stage: LifecycleStage): void {
  const history = draft.service.serviceDeployment;
  if (!history) return;
  const hooks = (history.deploymentConfiguration.lifecycleHooks ?? []).flatMap((hook, index) =>
    hook.lifecycleStages?.includes(stage as DeploymentLifecycleHookStage) ? [newRun(draft, history, index)] : [],
  );
  draft.changeHistory({
    stage,
    stageSince: draft.now,
    hooks,
    ...(stage === 'TEST_TRAFFIC_SHIFT' && { testWeight: 100 }),
    ...(stage === 'POST_PRODUCTION_TRAFFIC_SHIFT' && { testWeight: 0 }),
    ...(stage === 'PRODUCTION_TRAFFIC_SHIFT' && { productionWeight: nextWeight(history) }),
  });
}

function nextWeight({ deploymentConfiguration, productionWeight }: ServiceDeployment): number {
  const { strategy, linearConfiguration, canaryConfiguration } = deploymentConfiguration;
  if (strategy === 'LINEAR') {
    const step = linearConfiguration?.stepPercent ?? 10;
    return Math.min(100, Math.round((productionWeight + step) * 10) / 10);
  }
  return strategy === 'CANARY' && productionWeight === 0 ? (canaryConfiguration?.canaryPercent ?? 5) : 100;
}

function newRun(draft: Draft, { deploymentConfiguration }: ServiceDeployment, index: number): HookRun {
  const hook = deploymentConfiguration.lifecycleHooks?.[index];
  const { timeoutInMinutes = defaultHookMinutes, action = 'ROLLBACK' } = hook?.timeoutConfiguration ?? {};
  const pauses = hook?.targetType === 'PAUSE';
  return {
    id: draft.input.newUuid(),
    hook: index,
    targetType: pauses ? 'PAUSE' : 'AWS_LAMBDA',
    ...(hook?.hookTargetArn !== undefined && { target: hook.hookTargetArn }),
    status: pauses ? 'AWAITING_ACTION' : 'IN_PROGRESS',
    expiresAt: draft.now + timeoutInMinutes * minute,
    timeoutAction: action,
    ...(!pauses && { callAt: draft.now }),
    ...(hook?.hookDetails !== undefined && { hookDetails: hook.hookDetails }),
  };
}

/** Times hooks out, has those called that are due, and tells how the stage's hooks stand. */
function answerHooks(draft: Draft): 'over' | 'waiting' | 'failed' {
  const history = draft.service.serviceDeployment;
  if (!history) return 'over';
  const hooks = history.hooks.map((run): HookRun => {
    const open = run.status === 'IN_PROGRESS' || run.status === 'AWAITING_ACTION';
    return open && draft.now >= run.expiresAt ? { ...run, status: 'TIMED_OUT' } : run;
  });
  if (hooks.some((run, index) => run !== history.hooks[index])) draft.changeHistory({ hooks });
  if (hooks.some(hasFailed)) return 'failed';
  const open = hooks.filter(({ status }) => status === 'IN_PROGRESS' || status === 'AWAITING_ACTION');
  for (const run of open) {
    draft.lookAgain(run.expiresAt);
    if (run.callAt === undefined) continue;
    if (run.callAt <= draft.now) draft.calls.push(run);
    else draft.lookAgain(run.callAt);
  }
  return open.length > 0 ? 'waiting' : 'over';
}

function hasFailed({ status, timeoutAction }: HookRun): boolean {
  return status === 'FAILED' || (status === 'TIMED_OUT' && timeoutAction === 'ROLLBACK');
}

function failureText(draft: Draft): string {
  const history = draft.service.serviceDeployment;
  const failed = history?.hooks.find(hasFailed);
  const detail =
    failed?.reason ??
    (failed?.status === 'TIMED_OUT'
      ? 'Lifecycle hook timed out.'
      : `Lifecycle hook target ${failed?.target ?? ''} returned FAILED status.`);
  return deploymentReasons.hook(history?.stage ?? '', detail);
}

/** What a stage waits for beside its hooks. */
function isOver(draft: Draft, primary: Deployment): boolean {
  const { desiredCount, serviceDeployment: history } = draft.service;
  if (!history) return true;
  if (history.stage === 'SCALE_UP') {
    const healthy = draft.kept(primary.id).filter((task) => draft.healthy(task)).length;
    return healthy >= desiredCount;
  }
  if (history.stage === 'PRODUCTION_TRAFFIC_SHIFT')
    return history.productionWeight >= 100 || passed(draft, history, stepBake(history.deploymentConfiguration));
  if (history.stage === 'BAKE_TIME')
    return passed(draft, history, (history.deploymentConfiguration.bakeTimeInMinutes ?? 0) * minute);
  if (history.stage === 'CLEAN_UP') return draft.live().every((task) => task.deploymentId === primary.id);
  return true;
}

function stepBake({ strategy, linearConfiguration, canaryConfiguration }: DeploymentConfiguration): Millis {
  return (
    minute *
    (strategy === 'LINEAR'
      ? (linearConfiguration?.stepBakeTimeInMinutes ?? 6)
      : (canaryConfiguration?.canaryBakeTimeInMinutes ?? 10))
  );
}

function passed(draft: Draft, { stageSince = draft.now }: ServiceDeployment, duration: Millis): boolean {
  const until = stageSince + duration;
  if (draft.now >= until) return true;
  draft.lookAgain(until);
  return false;
}

/** The new revision has no task before SCALE_UP; the old one keeps all of its own until CLEAN_UP. */
function keepRevisions(draft: Draft, primary: Deployment): void {
  const { desiredCount } = draft.service;
  const stage = order.indexOf(stageOf(draft) ?? 'PRE_SCALE_UP');
  const room = Number.POSITIVE_INFINITY;
  const isUp = stage >= order.indexOf('SCALE_UP');
  keepCount(draft, primary, isUp ? desiredCount : 0, { room });
  const blue = draft.service.lastCompleted?.id;
  for (const other of draft.service.deployments.filter(({ id }) => id !== primary.id)) {
    if (other.id === blue && stageOf(draft) !== 'CLEAN_UP') keepCount(draft, other, desiredCount, { room });
    else
      stopScaling(
        draft,
        draft.kept(other.id).filter((task) => !draft.protected(task)),
      );
  }
  lookWhenHealthy(draft, false);
}
