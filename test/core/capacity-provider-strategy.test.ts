import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type StrategyItem, splitByStrategy } from '../../core/capacity-provider-strategy.ts';

const item = (capacityProvider: string, base: number, weight: number): StrategyItem => ({
  capacityProvider,
  base,
  weight,
});

function counts(providers: readonly string[]): Record<string, number> {
  const result: Record<string, number> = {};
  for (const provider of providers) result[provider] = (result[provider] ?? 0) + 1;
  return result;
}

describe('splitByStrategy', () => {
  it.each([
    ['one provider', [item('FARGATE', 0, 1)], 3, { FARGATE: 3 }],
    ['equal weights', [item('FARGATE', 0, 1), item('FARGATE_SPOT', 0, 1)], 4, { FARGATE: 2, FARGATE_SPOT: 2 }],
    ['one to four', [item('FARGATE', 0, 1), item('FARGATE_SPOT', 0, 4)], 10, { FARGATE: 2, FARGATE_SPOT: 8 }],
    ['base before weights', [item('FARGATE', 2, 0), item('FARGATE_SPOT', 0, 1)], 5, { FARGATE: 2, FARGATE_SPOT: 3 }],
    ['base and weight', [item('FARGATE', 1, 1), item('FARGATE_SPOT', 0, 3)], 9, { FARGATE: 3, FARGATE_SPOT: 6 }],
    ['base above the count', [item('FARGATE', 100, 1), item('FARGATE_SPOT', 0, 1)], 3, { FARGATE: 3 }],
    ['a single task goes by weight', [item('FARGATE', 0, 1), item('FARGATE_SPOT', 0, 4)], 1, { FARGATE_SPOT: 1 }],
    ['a tie goes by order', [item('FARGATE', 0, 1), item('FARGATE_SPOT', 0, 1)], 1, { FARGATE: 1 }],
    ['nothing to a weight of 0', [item('FARGATE', 0, 0), item('FARGATE_SPOT', 0, 1)], 3, { FARGATE_SPOT: 3 }],
  ])('%s', (_, strategy, count, expected) => {
    expect(counts(splitByStrategy(strategy, count))).toEqual(expected);
  });

  it('places every task, the base first, and the rest within one task of its share', () => {
    const strategies = fc
      .array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 20 })
      .filter((weights) => weights.some((weight) => weight > 0))
      .chain((weights) =>
        fc.record({
          weights: fc.constant(weights),
          baseAt: fc.nat({ max: weights.length - 1 }),
          base: fc.nat({ max: 20 }),
        }),
      );
    fc.assert(
      fc.property(strategies, fc.integer({ min: 1, max: 1000 }), ({ weights, baseAt, base }, count) => {
        const strategy = weights.map((weight, index) => item(`p${index}`, index === baseAt ? base : 0, weight));
        const split = splitByStrategy(strategy, count);
        const found = counts(split);
        expect(split).toHaveLength(count);
        const rest = count - Math.min(base, count);
        const sum = weights.reduce((a, b) => a + b, 0);
        strategy.forEach(({ capacityProvider, weight, base: own }) => {
          const share = (rest * weight) / sum;
          const weighted = (found[capacityProvider] ?? 0) - Math.min(own, count);
          expect(Math.abs(weighted - share)).toBeLessThan(1);
        });
      }),
    );
  });
});
