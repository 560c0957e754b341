/** What a task used between two samples, from counters that only grow. Pure. */
import type { ContainerUsage, TaskUsage } from './store/usage-store.ts';
import type { Millis } from './task.ts';

/** Absent numbers are not known: there was no sample before, or nothing counts them. */
export interface UsageRates {
  /** CPU units: 1024 are a whole core. */
  readonly cpu?: number;
  /** Bytes at the end. */
  readonly memory: number;
  /** Bytes a second. */
  readonly read?: number;
  readonly written?: number;
}

export interface TaskRates extends UsageRates {
  /** The end of the time that is told of. */
  readonly at: Millis;
  /** Bytes a second. */
  readonly received?: number;
  readonly sent?: number;
  readonly containers: Readonly<Record<string, UsageRates>>;
}

/** @param samples oldest first */
export function usageRates(samples: readonly TaskUsage[]): readonly TaskRates[] {
  return samples.map((sample, index) => ratesBetween(samples[index - 1], sample));
}

function ratesBetween(earlier: TaskUsage | undefined, now: TaskUsage): TaskRates {
  const seconds = earlier ? (now.at - earlier.at) / 1000 : 0;
  const containers = Object.fromEntries(
    Object.entries(now.containers).map(([name, usage]) => [
      name,
      containerRates(earlier?.containers[name], usage, seconds),
    ]),
  );
  const all = Object.values(containers);
  return {
    at: now.at,
    ...defined({
      cpu: sum(all.map(({ cpu }) => cpu)),
      read: sum(all.map(({ read }) => read)),
      written: sum(all.map(({ written }) => written)),
      received: rate(earlier?.received, now.received, seconds),
      sent: rate(earlier?.sent, now.sent, seconds),
    }),
    memory: all.reduce((total, { memory }) => total + memory, 0),
    containers,
  };
}

function containerRates(earlier: ContainerUsage | undefined, now: ContainerUsage, seconds: number): UsageRates {
  const nanoseconds = rate(earlier?.cpu, now.cpu, seconds);
  return {
    ...defined({
      cpu: nanoseconds === undefined ? undefined : (nanoseconds / 1e9) * 1024,
      read: rate(earlier?.read, now.read, seconds),
      written: rate(earlier?.written, now.written, seconds),
    }),
    memory: now.memory,
  };
}

/** A counter that is lower than before began anew: its container was restarted in place. */
function rate(earlier: number | undefined, now: number | undefined, seconds: number): number | undefined {
  if (earlier === undefined || now === undefined || seconds <= 0) return undefined;
  return (now >= earlier ? now - earlier : now) / seconds;
}

/** Of what is known; undefined: nothing is. */
function sum(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((total, value) => total + value, 0);
}

function defined<Name extends string>(values: Record<Name, number | undefined>): Partial<Record<Name, number>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<
    Record<Name, number>
  >;
}
