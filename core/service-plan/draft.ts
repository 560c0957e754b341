/** A plan while it is being made: the service as it will be recorded, what is to be said and done. Nothing is applied. */
import type { Deployment, HookRun, Service, ServiceDeployment } from '../service/service.ts';
import { primaryOf } from '../service/service.ts';
import type { Millis } from '../task.ts';
import { type HealthRules, isHealthy, isLive, isProtected, isUnhealthy, type ServiceTask } from './service-task.ts';

export interface PlanInput {
  readonly service: Service;
  /** Every task of the service that is not yet accounted for. */
  readonly tasks: readonly ServiceTask[];
  readonly now: Millis;
  /** See HealthRules. */
  readonly healthyAfter: Millis;
  /** Tasks that were placed since the service was last recorded. */
  readonly started: readonly string[];
  /** Capacity was freed since placement last failed. */
  readonly capacityFreed: boolean;
  /** A new random UUID, with dashes. */
  readonly newUuid: () => string;
}

export interface Placement {
  readonly subnetId: string;
  readonly provider?: string;
}

export interface StartGroup {
  readonly deploymentId: string;
  readonly placements: readonly Placement[];
}

export interface Plan {
  /** What is to be recorded; the same object as before when nothing changed. */
  readonly service: Service;
  /** Messages of new service events, oldest first. */
  readonly events: readonly string[];
  /** Ended tasks that are now accounted for. */
  readonly settled: readonly string[];
  readonly starts: readonly StartGroup[];
  /** Hook targets to call now. */
  readonly calls: readonly HookRun[];
  /** When to look again even if nothing happens; undefined: not at all. */
  readonly lookAgainAt?: Millis;
  /** Nothing is left to be done until a task or a wish changes. */
  readonly steady: boolean;
}

/** Milliseconds for which a message is not repeated while its cause lasts. */
const silence = 6 * 3600 * 1000;

export class Draft {
  service: Service;
  readonly events: string[] = [];
  readonly settled: string[] = [];
  readonly starts: StartGroup[] = [];
  readonly calls: HookRun[] = [];
  private lookAt: Millis | undefined;
  readonly rules: HealthRules;
  readonly now: Millis;
  readonly tasks: readonly ServiceTask[];
  readonly input: PlanInput;

  constructor(input: PlanInput) {
    this.input = input;
    this.service = input.service;
    this.now = input.now;
    this.rules = {
      healthyAfter: input.healthyAfter,
      gracePeriod: input.service.healthCheckGracePeriodSeconds * 1000,
    };
    // What was decided counts, whether or not the task has heard of it.
    this.tasks = input.tasks.map((task) => (input.service.stopping[task.id] ? { ...task, stopping: true } : task));
  }

  get primary(): Deployment | undefined {
    return primaryOf(this.service);
  }

  healthy(task: ServiceTask): boolean {
    return !this.isStopping(task) && isHealthy(task, this.rules, this.now);
  }

  unhealthy(task: ServiceTask): boolean {
    return !this.isStopping(task) && isUnhealthy(task, this.rules, this.now);
  }

  protected(task: ServiceTask): boolean {
    return isProtected(task, this.now);
  }

  /** Decided before or by this plan. */
  isStopping(task: ServiceTask): boolean {
    return task.stopping || this.service.stopping[task.id] !== undefined;
  }

  /** Tasks that stay: alive, and nobody wants them stopped. */
  kept(deploymentId: string): readonly ServiceTask[] {
    return this.tasks.filter((task) => task.deploymentId === deploymentId && isLive(task) && !this.isStopping(task));
  }

  /** RUNNING, PENDING or STOPPING. */
  live(): readonly ServiceTask[] {
    return this.tasks.filter(isLive);
  }

  change(changes: Partial<Service>): void {
    this.service = { ...this.service, ...changes };
  }

  changeDeployment(id: string, changes: Partial<Deployment>): void {
    this.change({
      deployments: this.service.deployments.map((each) =>
        each.id === id ? { ...each, updatedAt: this.now, ...changes } : each,
      ),
    });
  }

  changeHistory(changes: Partial<ServiceDeployment>): void {
    const { serviceDeployment } = this.service;
    if (serviceDeployment)
      this.change({ serviceDeployment: { ...serviceDeployment, updatedAt: this.now, ...changes } });
  }

  say(message: string): void {
    this.events.push(message);
  }

  /** Says what is not repeated while its cause lasts. */
  sayOnce(message: string): void {
    const last = this.service.said[message];
    if (last !== undefined && last + silence > this.now) return;
    const recent = Object.entries(this.service.said).filter(([, at]) => at + silence > this.now);
    this.change({ said: { ...Object.fromEntries(recent), [message]: this.now } });
    this.say(message);
  }

  stop(tasks: readonly ServiceTask[], reason: string): void {
    if (tasks.length === 0) return;
    const added = Object.fromEntries(tasks.map(({ id }) => [id, reason]));
    this.change({ stopping: { ...this.service.stopping, ...added } });
  }

  start(deployment: Deployment, placements: readonly Placement[]): void {
    if (placements.length > 0) this.starts.push({ deploymentId: deployment.id, placements });
  }

  /** Tasks that this plan starts. */
  starting(deploymentId: string): number {
    return this.starts.reduce(
      (sum, group) => sum + (group.deploymentId === deploymentId ? group.placements.length : 0),
      0,
    );
  }

  lookAgain(at: Millis | undefined): void {
    if (at !== undefined) this.lookAt = Math.min(this.lookAt ?? at, at);
  }

  result(steady: boolean): Plan {
    const { service, events, settled, starts, calls } = this;
    return {
      service,
      events,
      settled,
      starts,
      calls,
      steady,
      ...(this.lookAt !== undefined && { lookAgainAt: this.lookAt }),
    };
  }
}
