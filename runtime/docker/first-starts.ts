/**
 * The first containers of a sandbox start without its limit of processor time. The OCI runtime needs tens of
 * milliseconds of it inside of the sandbox's cgroup before a program runs, which on a quarter of a core are several
 * rounds of being throttled. The limit holds as soon as no start is under way.
 */
import type { Context } from './context.ts';
import { findRecord } from './sandbox.ts';

export interface FirstStarts {
  /** Making a container, which will be started at once. */
  making<Result>(sandboxId: string, work: () => Promise<Result>): Promise<Result>;
  starting<Result>(sandboxId: string, work: () => Promise<Result>): Promise<Result>;
}

export function createFirstStarts(context: () => Promise<Context>): FirstStarts {
  const underWay = new Map<string, number>();

  async function limit(sandboxId: string): Promise<void> {
    if (underWay.has(sandboxId)) return;
    const ready = await context();
    const record = await findRecord(ready, sandboxId);
    if (record) await ready.cgroups.limitTime(sandboxId, record.limits);
  }

  async function counted<Result>(sandboxId: string, work: () => Promise<Result>): Promise<Result> {
    underWay.set(sandboxId, (underWay.get(sandboxId) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (underWay.get(sandboxId) ?? 1) - 1;
      if (left > 0) underWay.set(sandboxId, left);
      else underWay.delete(sandboxId);
    }
  }

  return {
    async making(sandboxId, work) {
      try {
        return await counted(sandboxId, work);
      } catch (error) {
        await limit(sandboxId);
        throw error;
      }
    },
    async starting(sandboxId, work) {
      try {
        return await counted(sandboxId, work);
      } finally {
        await limit(sandboxId);
      }
    },
  };
}
