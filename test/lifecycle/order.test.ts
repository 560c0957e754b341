/** Any definition that can be registered: containers start when their conditions hold, and stop in reverse. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dependenciesOf } from '../../worker/dependencies.ts';
import { is, type Lifecycle, run, startLifecycle, stop, summary, type TestContainer, until } from './support.ts';

let lifecycle: Lifecycle;
beforeAll(async () => {
  lifecycle = await startLifecycle();
});
afterAll(() => lifecycle?.close());

type Condition = 'START' | 'COMPLETE' | 'SUCCESS' | 'HEALTHY';

/** Each container may depend on those before it: that is every graph without a cycle. */
const definitions: fc.Arbitrary<readonly TestContainer[]> = fc.integer({ min: 2, max: 10 }).chain((size) =>
  fc
    .tuple(
      fc.array(
        fc.record({ ends: fc.boolean(), runs: fc.integer({ min: 0, max: 8 }), stop: fc.integer({ min: 2, max: 9 }) }),
        {
          minLength: size,
          maxLength: size,
        },
      ),
      fc.array(fc.constantFrom<Condition | 'none'>('START', 'COMPLETE', 'SUCCESS', 'HEALTHY', 'none', 'none'), {
        minLength: size * size,
        maxLength: size * size,
      }),
    )
    .map(([kinds, edges]) =>
      kinds.map(({ ends, runs, stop: stopTimeout }, index): TestContainer => {
        const dependsOn = kinds.slice(0, index).flatMap((kind, other) => {
          const wish = edges[index * size + other] ?? 'none';
          if (wish === 'none') return [];
          const suits = kind.ends ? wish !== 'HEALTHY' : wish === 'START' || wish === 'HEALTHY';
          return [{ containerName: `c${other}`, condition: suits ? wish : ('START' as const) }];
        });
        return {
          name: `c${index}`,
          // The last one is the application; what ends by itself must not be essential.
          essential: index === size - 1,
          stopTimeout,
          dependsOn,
          ...(ends && index < size - 1
            ? { environment: { FAKE_RUN_FOR_MS: runs * 1000 } }
            : { healthCheck: { command: ['CMD', 'ok'], interval: 5, timeout: 2 } }),
        };
      }),
    ),
);

it('no container starts before its conditions hold, none stops before those that depend on it', async () => {
  await fc.assert(
    fc.asyncProperty(definitions, fc.boolean(), async (containers, restartInBetween) => {
      lifecycle.journal.length = 0;
      const task = await run(lifecycle, containers);
      /** The states in which the API showed the others when each container was first seen to have started. */
      const seen = new Map<string, ReadonlyMap<string, { status: string; health: string }>>();
      let restarted = false;
      await until(
        lifecycle,
        task,
        (now) => {
          const states = new Map(
            now.containers?.map(({ name = '', lastStatus = '', healthStatus = '' }) => [
              name,
              { status: lastStatus, health: healthStatus },
            ]),
          );
          for (const [name, { status }] of states) if (status !== 'PENDING' && !seen.has(name)) seen.set(name, states);
          if (now.lastStatus === 'STOPPED') throw new Error(`stopped: ${now.stoppedReason}`);
          return now.lastStatus === 'RUNNING' || (restartInBetween && !restarted && seen.size > 1);
        },
        500,
      );
      if (restartInBetween) {
        restarted = true;
        await lifecycle.restartWorker(() => lifecycle.time.advance(1000));
      }
      const running = await until(lifecycle, task, is('RUNNING'), 500);
      const started = lifecycle.journal.filter((line) => line.startsWith('start ')).map((line) => line.slice(6));
      expect([...started].sort(), `${summary(running)}; ${lifecycle.journal.join(', ')}`).toEqual(
        containers.map(({ name }) => name).sort(),
      );
      for (const definition of containers) {
        for (const { on, condition } of dependenciesOf(definition as Parameters<typeof dependenciesOf>[0])) {
          expect(started.indexOf(on), `${on} before ${definition.name}`).toBeLessThan(started.indexOf(definition.name));
          const then = seen.get(definition.name)?.get(on);
          if (!then) continue;
          if (condition === 'COMPLETE' || condition === 'SUCCESS') expect(then.status).toBe('STOPPED');
          if (condition === 'HEALTHY') expect(then.health).toBe('HEALTHY');
        }
      }

      lifecycle.journal.length = 0;
      await stop(lifecycle, task);
      await until(lifecycle, task, is('STOPPED'));
      const order = lifecycle.journal.filter((line) => line.startsWith('stop'));
      const stopped = order.filter((line) => line.startsWith('stopped '));
      // What ends by itself may have done so just now.
      const lasting = containers.filter(({ environment }) => environment === undefined).map(({ name }) => name);
      expect(stopped.map((line) => line.slice(8))).toEqual(expect.arrayContaining(lasting));
      for (const { name, stopTimeout } of containers) {
        const begun = order.indexOf(`stop ${name} ${stopTimeout}`);
        if (begun < 0) continue;
        for (const other of containers) {
          const depends = dependenciesOf(other as Parameters<typeof dependenciesOf>[0]).some(({ on }) => on === name);
          if (depends && order.includes(`stopped ${other.name}`))
            expect(order.indexOf(`stopped ${other.name}`)).toBeLessThan(begun);
        }
      }
    }),
    { numRuns: 15, seed: Number(process.env.LONGSHORE_TEST_SEED ?? 1), endOnFailure: true },
  );
}, 120_000);
