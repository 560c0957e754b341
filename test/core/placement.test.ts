import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fits, rankForAll, rankWorkers, withTask } from '../../core/placement.ts';
import type { Worker } from '../../core/worker.ts';

const now = 1000;
const aWorker: Worker = {
  name: 'w',
  instance: 'i',
  process: { bootId: '', pid: 1, startedAt: '' },
  runtime: 'fake',
  cpuArchitecture: 'X86_64',
  cpu: 1024,
  memory: 2048,
  slots: 5,
  cpuUsed: 0,
  memoryUsed: 0,
  slotsUsed: 0,
  leaseUntil: now + 1,
};
const needs = { cpu: 256, memory: 512, cpuArchitecture: 'X86_64' as const };

describe('a worker', () => {
  it.each([
    ['has a lease that ran out', { leaseUntil: now }],
    ['has another architecture', { cpuArchitecture: 'ARM64' as const }],
    ['has another runtime than the task asks for', { runtime: 'docker' }],
    ['has too little CPU left', { cpuUsed: 769 }],
    ['has too little memory left', { memoryUsed: 1537 }],
    ['has no address left', { slotsUsed: 5 }],
  ])('takes no task when it %s', (_, state) => {
    const asking = { ...needs, runtime: 'fake' as const };
    expect(fits(asking, aWorker, now)).toBe(true);
    expect(fits(asking, { ...aWorker, ...state }, now)).toBe(false);
  });
});

it('ranks the emptiest workers first, as sorting them all would', () => {
  const workers = fc.uniqueArray(
    fc.record({
      name: fc.string({ minLength: 1 }),
      memoryUsed: fc.nat(2100),
      cpuUsed: fc.nat(1100),
      slotsUsed: fc.nat(6),
    }),
    { selector: (one) => one.name, maxLength: 30 },
  );
  fc.assert(
    fc.property(workers, fc.integer({ min: 1, max: 6 }), (some, limit) => {
      const all = some.map((one) => ({ ...aWorker, ...one }));
      const sorted = all
        .filter((one) => fits(needs, one, now))
        .sort((a, b) => a.memoryUsed - b.memoryUsed || a.cpuUsed - b.cpuUsed || (a.name < b.name ? -1 : 1));
      expect(rankWorkers(needs, all, now, limit)).toEqual(sorted.slice(0, limit));
    }),
  );
});

it('ranks for many tasks as for one after the other', () => {
  const workers = fc.uniqueArray(
    fc.record({
      name: fc.string({ minLength: 1 }),
      memoryUsed: fc.nat(2100),
      cpuUsed: fc.nat(1100),
      slotsUsed: fc.nat(6),
      runtime: fc.constantFrom<string>('docker', 'microvm'),
    }),
    { selector: (one) => one.name, maxLength: 12 },
  );
  const sizes = fc.array(
    fc.constantFrom({ ...needs }, { ...needs, cpu: 512, memory: 1024 }, { ...needs, runtime: 'microvm' as const }),
    { maxLength: 10 },
  );
  fc.assert(
    fc.property(workers, sizes, (some, tasks) => {
      let current = some.map((one) => ({ ...aWorker, ...one }));
      const expected = tasks.map((task) => {
        const ranked = rankWorkers(task, current, now, 3);
        current = current.map((one) => (one.name === ranked[0]?.name ? withTask(one, task) : one));
        return ranked;
      });
      expect(
        rankForAll(
          tasks,
          some.map((one) => ({ ...aWorker, ...one })),
          now,
          3,
        ),
      ).toEqual(expected);
    }),
  );
});
