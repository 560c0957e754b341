/**
 * What a service needs next: (service, tasks, time) -> tasks to start and to stop, what to say, when to look again.
 * Pure: nothing is applied here, and planning again from what was recorded goes on where a dead process left off.
 */

import { lifecycle } from '../lifecycle.ts';
import type { Deployment } from '../service/service.ts';
import { Draft, type Plan, type PlanInput } from './draft.ts';
import { stopScaling } from './keep.ts';
import { deploymentReasons, messages } from './messages.ts';
import { planRolling, rebalance } from './rolling.ts';
import { begin, breakCircuit, complete, dropDrained, frozenCounts, isRollback, rollBackOrFail } from './rollout.ts';
import { settle } from './settle.ts';
import { hasStages, planStages } from './stages.ts';
import { planTaskSets } from './task-sets.ts';

/** A steady service says so again after this, milliseconds. */
const steadyRepeat = 6 * 3600 * 1000;

export function planService(input: PlanInput): Plan {
  const draft = new Draft(input);
  if (input.started.length > 0) draft.say(messages.started(draft.service.name, input.started, replaced(draft)));
  settle(draft);
  learnDigests(draft);
  forgetCapacity(draft);
  if (draft.service.status !== 'ACTIVE') return drain(draft);
  stopStrangers(draft);
  return draft.service.controller === 'EXTERNAL' ? external(draft) : controlled(draft);
}

/** How many of the tasks that were started take the place of unhealthy ones, which are still there. */
function replaced(draft: Draft): number {
  const started = new Set(draft.input.started);
  const owners = new Set(draft.tasks.filter(({ id }) => started.has(id)).map(({ deploymentId }) => deploymentId));
  const unhealthy = draft.tasks.filter((task) => owners.has(task.deploymentId) && draft.unhealthy(task));
  return Math.min(started.size, unhealthy.length);
}

function controlled(draft: Draft): Plan {
  begin(draft);
  const history = draft.service.serviceDeployment;
  const before = draft.primary;
  if (before && history?.status === 'ROLLBACK_REQUESTED') rollBackOrFail(draft, before, deploymentReasons.requested);
  else if (before) breakCircuit(draft, before);
  const primary = draft.primary;
  if (!primary) return draft.result(true);
  const done = move(draft, primary);
  dropDrained(draft);
  const newest = draft.primary ?? primary;
  if (newest.id !== primary.id) {
    // A hook's failure has just turned the deployment round.
    draft.lookAgain(draft.now);
    return draft.result(false);
  }
  if (done && newest.rolloutState === 'IN_PROGRESS') complete(draft, newest);
  const steady = done && draft.primary?.rolloutState === 'COMPLETED' && !rebalance(draft, draft.primary);
  return finish(draft, steady);
}

/** One step of the deployment's strategy; true when it is complete. */
function move(draft: Draft, primary: Deployment): boolean {
  const { serviceDeployment: history, deploymentConfiguration } = draft.service;
  const configuration = history?.deploymentConfiguration ?? deploymentConfiguration;
  const staged = primary.rolloutState === 'IN_PROGRESS' && hasStages(configuration) && history && !isRollback(history);
  if (!staged) return planRolling(draft, primary);
  const over = planStages(draft, primary);
  return over && draft.primary?.id === primary.id;
}

function external(draft: Draft): Plan {
  return finish(draft, planTaskSets(draft));
}

function finish(draft: Draft, steady: boolean): Plan {
  const { service, now } = draft;
  if (!steady) {
    if (service.steadySince !== undefined) {
      const { steadySince: _, ...rest } = service;
      draft.service = rest;
    }
    return draft.result(false);
  }
  if (service.steadySince === undefined || now >= service.steadySince + steadyRepeat) {
    draft.say(messages.steady(service.name));
    draft.change({ steadySince: now, said: {} });
  }
  draft.lookAgain((draft.service.steadySince ?? now) + steadyRepeat);
  return draft.result(true);
}

/** A deleted service: all its tasks go, protected or not; when every one stops or has stopped, it is INACTIVE. */
function drain(draft: Draft): Plan {
  if (draft.service.status === 'INACTIVE') return draft.result(true);
  stopScaling(
    draft,
    draft.live().filter((task) => !draft.isStopping(task)),
  );
  const history = draft.service.serviceDeployment;
  if (history && ['PENDING', 'IN_PROGRESS', 'ROLLBACK_REQUESTED', 'ROLLBACK_IN_PROGRESS'].includes(history.status))
    draft.changeHistory({
      status: 'STOPPED',
      statusReason: deploymentReasons.deleted,
      stoppedAt: draft.now,
      ...frozenCounts(draft, history),
    });
  const isOver = draft.tasks.every((task) => lifecycle[task.lastStatus].order >= lifecycle.STOPPING.order);
  if (isOver) draft.change({ status: 'INACTIVE', inactiveSince: draft.now });
  return draft.result(isOver);
}

/** Tasks of no deployment that the service has, as of a service of that name before. */
function stopStrangers(draft: Draft): void {
  const known = new Set(draft.service.deployments.map(({ id }) => id));
  stopScaling(
    draft,
    draft.live().filter((task) => !known.has(task.deploymentId) && !draft.isStopping(task)),
  );
}

/** A revision's images are known by digest from its first task on. */
function learnDigests(draft: Draft): void {
  for (const { id, revision } of draft.service.deployments) {
    if (revision.containerImages.every(({ imageDigest }) => imageDigest !== undefined)) continue;
    const digests = Object.assign({}, ...draft.tasks.filter((task) => task.deploymentId === id).map((t) => t.digests));
    const containerImages = revision.containerImages.map((image) => {
      const imageDigest = image.imageDigest ?? digests[image.containerName];
      return imageDigest === undefined ? image : { ...image, imageDigest };
    });
    if (containerImages.some((image, index) => image.imageDigest !== revision.containerImages[index]?.imageDigest))
      draft.change({
        deployments: draft.service.deployments.map((each) =>
          each.id === id ? { ...each, revision: { ...revision, containerImages } } : each,
        ),
      });
  }
}

/** Placement that succeeded ends the wait for capacity. */
function forgetCapacity(draft: Draft): void {
  if (draft.input.started.length === 0) return;
  draft.change({
    deployments: draft.service.deployments.map((each) => {
      if (!each.waitsForCapacity) return each;
      const { waitsForCapacity: _, ...rest } = each;
      return rest;
    }),
  });
}
