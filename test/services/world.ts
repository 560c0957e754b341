/** A service, its tasks and time in memory: what the planner decides is done as the scheduler would do it, only at once. */
import type { NetworkConfiguration } from '@aws-sdk/client-ecs';
import { withDeployment } from '../../api/ecs/service/new-deployment.ts';
import { availabilityZone } from '../../core/network-interface.ts';
import type { Service, ServiceRevision } from '../../core/service/service.ts';
import type { Plan } from '../../core/service-plan/draft.ts';
import { planService } from '../../core/service-plan/plan.ts';
import { isLive, type ServiceTask } from '../../core/service-plan/service-task.ts';
import type { HealthStatus, StopCode } from '../../core/task.ts';

export const healthyAfter = 40_000;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
export type WorldTask = Mutable<ServiceTask>;

export interface World {
  service: Service;
  readonly tasks: Map<string, WorldTask>;
  now: number;
  readonly events: string[];
  /** Placed since the service was last looked at. */
  started: string[];
  /** Tasks that still find room; undefined: any number. */
  capacity: number | undefined;
  lookAgainAt: number | undefined;
  steady: boolean;
}

let lastNumber = 0;
const next = () => {
  lastNumber += 1;
  return lastNumber;
};
const newUuid = () => `00000000-0000-0000-0000-${String(next()).padStart(12, '0')}`;

/** One in each of three zones. */
export const subnets: readonly string[] = ['a', 'b', 'c'].map((letter) => {
  const names = Array.from({ length: 100 }, (_, index) => `subnet-${String(index).padStart(8, '0')}`);
  return names.find((name) => availabilityZone('us-east-1', name) === `us-east-1${letter}`) ?? '';
});

export function revision(family = 'web'): ServiceRevision {
  const networkConfiguration: NetworkConfiguration = { awsvpcConfiguration: { subnets: [...subnets] } };
  return {
    id: String(next()),
    createdAt: 0,
    family,
    revision: next(),
    launchType: 'FARGATE',
    platformVersion: '1.4.0',
    platformFamily: 'Linux',
    networkConfiguration,
    containerImages: [],
  };
}

export function newWorld(changes: Partial<Service> = {}, first = revision()): World {
  const service: Service = {
    accountId: '000000000000',
    region: 'us-east-1',
    clusterName: 'default',
    name: 'web',
    status: 'ACTIVE',
    createdAt: 0,
    createdBy: 'arn:aws:iam::000000000000:root',
    desiredCount: 2,
    controller: 'ECS',
    launchType: 'FARGATE',
    platformVersion: 'LATEST',
    deploymentConfiguration: { maximumPercent: 200, minimumHealthyPercent: 100 },
    healthCheckGracePeriodSeconds: 0,
    availabilityZoneRebalancing: 'DISABLED',
    enableExecuteCommand: false,
    enableECSManagedTags: false,
    propagateTags: 'NONE',
    tags: [],
    createDigest: '',
    deployments: [],
    stopping: {},
    said: {},
    ...changes,
  };
  const world: World = {
    service,
    tasks: new Map(),
    now: 1_000_000,
    events: [],
    started: [],
    capacity: undefined,
    lookAgainAt: undefined,
    steady: false,
  };
  if (service.controller === 'ECS') deploy(world, first);
  return world;
}

export function deploy(world: World, of: ServiceRevision = revision()): string {
  const id = `ecs-svc/${next()}`;
  world.service = withDeployment(
    world.service,
    {},
    {
      id,
      serviceDeploymentId: `d${next()}`,
      revision: of,
      now: world.now,
    },
  ).service;
  return id;
}

/** Plans from what is recorded, without doing anything. */
export function plan(world: World): Plan {
  return planService({
    service: world.service,
    tasks: [...world.tasks.values()],
    now: world.now,
    healthyAfter,
    started: world.started,
    capacityFreed: true,
    newUuid,
  });
}

/** Looks until nothing is left to start; `check` sees the world after each step. */
export function look(world: World, check: (world: World, plan: Plan) => void = () => {}): void {
  for (let step = 0; step < 50; step += 1) {
    const planned = plan(world);
    world.service = planned.service;
    world.events.push(...planned.events);
    for (const id of planned.settled) world.tasks.delete(id);
    world.started = [];
    for (const [id, reason] of Object.entries(planned.service.stopping)) {
      const task = world.tasks.get(id);
      if (task && !task.stopping) stopTask(task, 'ServiceSchedulerInitiated', reason);
    }
    for (const { deploymentId, placements } of planned.starts)
      for (const { subnetId, provider } of placements) {
        if (world.capacity !== undefined && world.capacity <= 0) break;
        if (world.capacity !== undefined) world.capacity -= 1;
        const id = newUuid();
        world.tasks.set(id, {
          id,
          deploymentId,
          lastStatus: 'PROVISIONING',
          stopping: false,
          health: 'UNKNOWN',
          checked: false,
          createdAt: world.now,
          zone: availabilityZone('us-east-1', subnetId),
          subnetId,
          ...(provider !== undefined && { provider }),
          digests: {},
        });
        world.started.push(id);
      }
    world.lookAgainAt = planned.lookAgainAt;
    world.steady = planned.steady;
    check(world, planned);
    if (planned.starts.length === 0) return;
  }
}

export function stopTask(task: WorldTask, code: StopCode, reason: string): void {
  if (task.stopping) return;
  task.stopping = true;
  task.stopCode = code;
  task.stopReason = reason;
}

export function runs(world: World, task: WorldTask, health?: HealthStatus): void {
  task.lastStatus = 'RUNNING';
  task.startedAt = world.now;
  if (health) {
    task.checked = true;
    task.health = health;
  }
}

/** The task is over, because it ended by itself unless somebody stopped it. */
export function ends(world: World, task: WorldTask, code: StopCode = 'EssentialContainerExited'): void {
  stopTask(task, code, 'Essential container in task exited');
  task.lastStatus = 'STOPPED';
  task.endedAt = world.now;
}

export const live = (world: World): WorldTask[] => [...world.tasks.values()].filter(isLive);
export const kept = (world: World): WorldTask[] => live(world).filter(({ stopping }) => !stopping);

/** Everything goes well: what is pending runs, what stops has stopped, and time passes to the next moment that counts. */
export function settleDown(world: World, check?: (world: World, plan: Plan) => void, rounds = 200): void {
  for (let round = 0; round < rounds; round += 1) {
    look(world, check);
    const moving = [...world.tasks.values()].filter(
      ({ lastStatus, stopping }) => stopping || (lastStatus !== 'RUNNING' && lastStatus !== 'STOPPED'),
    );
    if (moving.length === 0) {
      if (world.steady) return;
      if (world.lookAgainAt === undefined) return;
      world.now = Math.max(world.now + 1, world.lookAgainAt);
    }
    for (const task of moving)
      if (task.stopping) ends(world, task);
      else runs(world, task);
  }
}
