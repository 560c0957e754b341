/**
 * dependsOn: when a container may start, read off what was observed of the others, so that a worker that comes back in
 * the middle waits on as if nothing had happened. And the other way round when the task stops.
 *
 *   START    it has run                    COMPLETE  it has ended
 *   HEALTHY  its health check passed       SUCCESS   it has ended with 0
 *
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
 */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import type { Millis, Observed, ObservedContainer } from '../core/task.ts';
import type { RunningTask } from './task-runner.ts';

/** CREATE is ECS's own: a container whose volumes another one uses must exist before that one does. */
type Condition = 'CREATE' | 'START' | 'COMPLETE' | 'SUCCESS' | 'HEALTHY';

export interface Dependency {
  readonly on: string;
  readonly condition: Condition;
}

export type Gate =
  | { readonly state: 'open' }
  /** `until`: when a startTimeout ends, if one runs. */
  | { readonly state: 'waiting'; readonly until?: Millis }
  /** The condition can never be met any more. */
  | { readonly state: 'closed'; readonly reason: string };

export function dependenciesOf({ dependsOn = [], volumesFrom = [] }: ContainerDefinition): readonly Dependency[] {
  return [
    ...dependsOn.map(({ containerName = '', condition }) => ({
      on: containerName,
      condition: (condition ?? 'START') as Condition,
    })),
    ...volumesFrom.map(({ sourceContainer = '' }) => ({ on: sourceContainer, condition: 'CREATE' as const })),
  ];
}

/** Names of the containers that `name` must outlive: those that depend on it. */
export function dependentsOf(name: string, containers: readonly ContainerDefinition[]): readonly string[] {
  return containers
    .filter((container) => dependenciesOf(container).some(({ on }) => on === name))
    .map((container) => container.name ?? '');
}

/** Whether a container may be created and started now. Pure. */
export function gateOf(
  container: ContainerDefinition,
  containers: readonly ContainerDefinition[],
  observed: Pick<Observed, 'containers'>,
  now: Millis,
): Gate {
  const gates = dependenciesOf(container).map(({ on, condition }) => {
    const needed = containers.find(({ name }) => name === on);
    const facts = observed.containers[on] ?? {};
    return oneGate(
      condition,
      facts,
      `[${on}] for target [${container.name}]`,
      deadlineOf(needed, condition, facts),
      now,
    );
  });
  const closed = gates.find(({ state }) => state === 'closed');
  if (closed) return closed;
  const waiting = gates.filter((gate) => gate.state === 'waiting');
  if (waiting.length === 0) return { state: 'open' };
  const deadlines = waiting.flatMap(({ until }) => until ?? []);
  return { state: 'waiting', ...(deadlines.length > 0 ? { until: Math.min(...deadlines) } : {}) };
}

/** The texts are the ECS agent's. */
function oneGate(
  condition: Condition,
  facts: ObservedContainer,
  names: string,
  deadline: Millis | undefined,
  now: Millis,
): Gate {
  if (isMet(condition, facts)) return { state: 'open' };
  if (facts.finishedAt !== undefined) {
    const detail =
      condition === 'SUCCESS' && facts.exitCode !== undefined ? ' as dependency did not exit successfully' : '';
    return closed(`failed to resolve container ordering dependency ${names}${detail}.`);
  }
  if (deadline !== undefined && now >= deadline) return closed(`container ordering dependency ${names} has timed out.`);
  return { state: 'waiting', ...(deadline === undefined ? {} : { until: deadline }) };
}

function closed(text: string): Gate {
  return { state: 'closed', reason: `CannotStartContainerError: dependency graph: ${text}` };
}

function isMet(
  condition: Condition,
  { createdAt, startedAt, finishedAt, exitCode, health }: ObservedContainer,
): boolean {
  switch (condition) {
    case 'CREATE':
      return createdAt !== undefined || startedAt !== undefined;
    case 'START':
      return startedAt !== undefined;
    case 'COMPLETE':
      return finishedAt !== undefined && exitCode !== undefined;
    case 'SUCCESS':
      return finishedAt !== undefined && exitCode === 0;
    case 'HEALTHY':
      return health === 'HEALTHY';
  }
}

/** startTimeout is the needed container's, and counts from its own start. */
function deadlineOf(
  needed: ContainerDefinition | undefined,
  condition: Condition,
  { startedAt }: ObservedContainer,
): Millis | undefined {
  const bounded = condition !== 'START' && condition !== 'CREATE';
  if (!bounded || startedAt === undefined || !needed?.startTimeout) return undefined;
  return startedAt + needed.startTimeout * 1000;
}

/** Resolves when the gate is open or closed, and with `stopped` when nobody waits for it any more. */
export async function passGate(
  task: RunningTask,
  container: ContainerDefinition,
): Promise<Exclude<Gate, { state: 'waiting' }> | 'stopped'> {
  const { clock, after, closing } = task.context;
  for (;;) {
    // Asked for before looking, so that no change is missed.
    const changed = task.recorder.changed();
    if (task.stopping.aborted || closing.aborted) return 'stopped';
    const gate = gateOf(container, task.containers, task.recorder.task.observed, clock());
    if (gate.state !== 'waiting') return gate;
    task.waits();
    await new Promise<void>((resolve) => {
      const cancel = gate.until === undefined ? () => {} : after(gate.until - clock(), done);
      const listening = new AbortController();
      for (const signal of [task.stopping, closing])
        signal.addEventListener('abort', done, { once: true, signal: listening.signal });
      changed.then(done);
      function done() {
        cancel();
        listening.abort();
        resolve();
      }
    });
  }
}
