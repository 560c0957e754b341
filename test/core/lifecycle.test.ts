import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImpossibleTransitionError } from '../../core/errors.ts';
import {
  advance,
  desiredStatus,
  healthStatus,
  type LastStatus,
  lastStatus,
  lifecycle,
  stopDecision,
} from '../../core/lifecycle.ts';
import type { Observed, Task } from '../../core/task.ts';

const networkInterface = { id: 'eni-0', macAddress: '02:00', privateIpv4Address: '10.0.0.2', privateDnsName: 'ip' };
const stop = { code: 'EssentialContainerExited' as const, reason: 'r', at: 5 };

/** Each fact by itself, and the status that a task has when it is the newest one. */
const facts: readonly (readonly [Partial<Observed>, LastStatus])[] = [
  [{}, 'PROVISIONING'],
  [{ networkInterface }, 'PENDING'],
  [{ activatingAt: 1 }, 'ACTIVATING'],
  [{ startedAt: 1 }, 'RUNNING'],
  [{ deactivatingAt: 1 }, 'DEACTIVATING'],
  [{ stoppingAt: 1 }, 'STOPPING'],
  [{ deprovisioningAt: 1 }, 'DEPROVISIONING'],
  [{ stoppedAt: 1 }, 'STOPPED'],
];

describe('a status', () => {
  it.each(facts)('%j is %s, whatever came before', (fact, status) => {
    const earlier = Object.assign({}, ...facts.slice(0, lifecycle[status].order).map(([one]) => one));
    for (const before of [{}, earlier]) expect(lastStatus(task({ ...before, ...fact }))).toBe(status);
  });

  it('never goes back as facts are added, in any order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(facts.map(([fact]) => fact)), (order) => {
        let now = task({});
        for (const fact of order) {
          const next = advance(now, { observed: { ...now.observed, ...fact } });
          expect(lifecycle[lastStatus(next)].order).toBeGreaterThanOrEqual(lifecycle[lastStatus(now)].order);
          expect(next.version - now.version).toBe(lastStatus(next) === lastStatus(now) ? 0 : 1);
          now = next;
        }
      }),
    );
  });

  it('refuses a fact that is taken back', () => {
    for (const [fact, status] of facts) {
      if (status === 'PROVISIONING') continue;
      expect(() => advance(task(fact), { observed: { containers: {} } })).toThrow(ImpossibleTransitionError);
    }
    expect(() => advance(task({ stop }), { observed: { containers: {} } })).toThrow(ImpossibleTransitionError);
  });
});

describe('a decision to stop', () => {
  it('is the first one that was made', () => {
    const asked = { code: 'UserInitiated' as const, reason: 'u', at: 3 };
    const both = { ...task({ stop }), wanted: { tags: [], stop: asked } };
    expect(stopDecision(both)).toBe(asked);
    expect(stopDecision({ ...both, wanted: { tags: [], stop: { ...asked, at: 9 } } })).toBe(stop);
    expect([desiredStatus(task({})), desiredStatus(both)]).toEqual(['RUNNING', 'STOPPED']);
  });
});

describe('health', () => {
  it('is that of the essential containers with a check of their own', () => {
    const of = (...health: ('UNKNOWN' | 'HEALTHY' | 'UNHEALTHY')[]) =>
      healthStatus({
        spec: spec(health.map((_, index) => ({ essential: index !== 2, hasHealthCheck: true }))),
        observed: { containers: Object.fromEntries(health.map((one, index) => [`c${index}`, { health: one }])) },
      });
    expect([of('HEALTHY', 'HEALTHY'), of('HEALTHY', 'UNKNOWN'), of('UNHEALTHY', 'UNKNOWN')]).toEqual([
      'HEALTHY',
      'UNKNOWN',
      'UNHEALTHY',
    ]);
    expect(of('HEALTHY', 'HEALTHY', 'UNHEALTHY')).toBe('HEALTHY');
    expect(
      healthStatus({ spec: spec([{ essential: true, hasHealthCheck: false }]), observed: { containers: {} } }),
    ).toBe('UNKNOWN');
  });

  it('raises the version when it changes', () => {
    const before = { ...task({ startedAt: 1 }), spec: spec([{ essential: true, hasHealthCheck: true }]) };
    const after = advance(before, { observed: { ...before.observed, containers: { c0: { health: 'HEALTHY' } } } });
    expect(after.version).toBe(before.version + 1);
  });
});

function spec(containers: readonly { essential: boolean; hasHealthCheck: boolean }[]): Task['spec'] {
  return {
    taskId: 't',
    containers: containers.map((one, index) => ({ name: `c${index}`, ...one })),
  } as unknown as Task['spec'];
}

function task(observed: Partial<Observed>): Task {
  return { spec: spec([]), wanted: { tags: [] }, observed: { containers: {}, ...observed }, version: 1, revision: 1 };
}
