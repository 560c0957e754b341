/** Which capacity provider each of a number of tasks goes to. Pure. */

export interface StrategyItem {
  /** The provider's short name. */
  readonly capacityProvider: string;
  /** Tasks that go here before any weight counts. */
  readonly base: number;
  /** Share of the tasks that are left after the base. */
  readonly weight: number;
}

/**
 * The base first, then the rest in proportion to the weights. What does not divide evenly goes, one task each, to the
 * items that are furthest below their share; ties go by order.
 * @param strategy at least one item with a weight above 0
 * @returns a provider for each of `count` tasks
 */
export function splitByStrategy(strategy: readonly StrategyItem[], count: number): readonly string[] {
  const chosen = strategy.flatMap(({ capacityProvider, base }) => repeat(capacityProvider, Math.min(base, count)));
  const rest = count - Math.min(chosen.length, count);
  const weights = strategy.reduce((sum, { weight }) => sum + weight, 0);
  const shares = strategy.map(({ weight }) => (weights === 0 ? 0 : (rest * weight) / weights));
  const left = rest - shares.reduce((sum, share) => sum + Math.floor(share), 0);
  const favoured = new Set(
    shares
      .map((share, index) => ({ index, fraction: share - Math.floor(share) }))
      .sort((a, b) => b.fraction - a.fraction || a.index - b.index)
      .slice(0, left)
      .map(({ index }) => index),
  );
  const weighted = strategy.flatMap(({ capacityProvider }, index) =>
    repeat(capacityProvider, Math.floor(shares[index] ?? 0) + (favoured.has(index) ? 1 : 0)),
  );
  return [...chosen, ...weighted].slice(0, count);
}

function repeat(provider: string, times: number): string[] {
  return Array.from({ length: times }, () => provider);
}
