/**
 * One look at a service: read it, plan, record what was decided, then do it. Whatever dies in between, the next look
 * finds the decisions in the record and goes on: stops are told again, and tasks are placed only while nobody has
 * decided anything since (the placement checks the record's revision in the same step).
 */
import type { Deployment, Service, ServiceKey } from '../../core/service/service.ts';
import { pauseForCapacity } from '../../core/service-plan/arithmetic.ts';
import type { Plan, StartGroup } from '../../core/service-plan/draft.ts';
import { messages } from '../../core/service-plan/messages.ts';
import { planService } from '../../core/service-plan/plan.ts';
import type { ServiceLook } from '../../core/store/store.ts';
import type { Wanted } from '../../core/task.ts';
import type { SchedulerDeps } from './deps.ts';
import { placeTasks } from './place-tasks.ts';

/** Steps after which a look gives way to other services; the service stays in the list of those with work. */
const mostSteps = 50;

export async function lookAtService(deps: SchedulerDeps, key: ServiceKey): Promise<void> {
  for (let step = 0; step < mostSteps; step += 1) {
    const look = await deps.store.services.look(key);
    if (!look) return;
    const plan = planFor(deps, look);
    const revision = await record(deps, look, plan);
    if (revision === undefined) continue;
    for (const run of plan.calls) deps.queue.call(key, run.id);
    await tellStops(deps, look, plan.service);
    if (plan.starts.length === 0) {
      if (plan.lookAgainAt !== undefined) deps.queue.wakeAt(key, plan.lookAgainAt, deps.clock());
      return;
    }
    await start(deps, { ...look, service: plan.service, revision }, plan.starts[0] as StartGroup);
  }
  deps.queue.wake(key);
}

function planFor({ clock, healthyAfter, newUuid }: SchedulerDeps, look: ServiceLook): Plan {
  return planService({
    service: look.service,
    tasks: look.tasks,
    now: clock(),
    healthyAfter,
    started: look.started,
    capacityFreed: !look.isWaiting,
    newUuid,
  });
}

/** The revision that the plan stands on now; undefined: somebody was quicker. */
async function record(deps: SchedulerDeps, look: ServiceLook, plan: Plan): Promise<number | undefined> {
  const { store, clock, newUuid } = deps;
  const now = clock();
  const settled = [...plan.settled, ...look.gone];
  const isDone = plan.starts.length === 0 && plan.calls.length === 0 && unheard(look, plan.service).length === 0;
  const changed =
    plan.service !== look.service || plan.events.length > 0 || settled.length > 0 || look.started.length > 0;
  // What is to be done now may fail, or die with this process: the sweep finds the service until it is done.
  const lookAgainAt = isDone || look.work !== undefined ? plan.lookAgainAt : Math.min(look.timer ?? now, now);
  if (!changed) {
    const rests = (look.work === undefined || !isDone) && look.timer === lookAgainAt;
    if (rests) return look.revision;
    const rested = await store.services.rest(isDone ? look : withoutWork(look), lookAgainAt);
    return rested ? look.revision : undefined;
  }
  const answer = await store.services.write(look, {
    service: plan.service,
    events: plan.events.map((message) => ({ id: newUuid(), createdAt: now, message })),
    settled,
    toldStarted: look.started.length > 0,
    ...(isDone && { work: 'done' as const }),
    lookAgainAt: lookAgainAt ?? null,
    ...(plan.service.deployments.every(({ waitsForCapacity }) => !waitsForCapacity) && { waitsSince: null }),
  });
  return typeof answer === 'number' ? answer : undefined;
}

function withoutWork(look: ServiceLook): ServiceLook {
  const { work: _, ...rest } = look;
  return rest;
}

/** Tasks that are to stop and have not been told. */
function unheard(look: ServiceLook, service: Service): readonly string[] {
  return look.tasks.filter(({ id, stopping }) => !stopping && service.stopping[id] !== undefined).map(({ id }) => id);
}

async function tellStops({ store, clock }: SchedulerDeps, look: ServiceLook, service: Service): Promise<void> {
  const at = clock();
  await Promise.all(
    unheard(look, service).map((id) =>
      store.tasks.want(service, id, ({ wanted }): Wanted | undefined =>
        wanted.stop
          ? undefined
          : {
              ...wanted,
              stop: { code: 'ServiceSchedulerInitiated', reason: service.stopping[id] ?? '', at },
              tags: [],
            },
      ),
    ),
  );
}

async function start(deps: SchedulerDeps, look: ServiceLook, group: StartGroup): Promise<void> {
  const deployment = look.service.deployments.find(({ id }) => id === group.deploymentId);
  if (!deployment) return;
  const result = await placeTasks(deps, look, deployment, group.placements);
  if (result !== 'service-changed' && result.unplaced > 0)
    await waitForCapacity(deps, look, deployment.id, result.reason);
}

/** Records that placement found no room; the service stands in line, and tries again by itself. */
async function waitForCapacity(
  deps: SchedulerDeps,
  { service: { accountId, region, clusterName, name } }: ServiceLook,
  deploymentId: string,
  reason: string,
): Promise<void> {
  const now = deps.clock();
  const message = messages.unableToPlace(name, reason);
  await deps.store.services.change({ accountId, region, clusterName, name }, (service) => {
    const deployment = service.deployments.find(({ id }) => id === deploymentId);
    if (!deployment || service.status !== 'ACTIVE') return undefined;
    const isSaid = service.said[message] !== undefined;
    const { waitsForCapacity: before } = deployment;
    const attempts = (before?.attempts ?? 0) + 1;
    const waits: Deployment = {
      ...deployment,
      waitsForCapacity: { attempts, failedAt: now, notBefore: now + pauseForCapacity(attempts) },
    };
    return {
      service: {
        ...service,
        deployments: service.deployments.map((each) => (each.id === deploymentId ? waits : each)),
        said: isSaid ? service.said : { ...service.said, [message]: now },
      },
      ...(!isSaid && { events: [{ id: deps.newUuid(), createdAt: now, message }] }),
      waitsSince: now,
    };
  });
}
