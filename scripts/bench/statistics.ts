/** Percentiles, and what is printed of a sample. */

export interface Summary {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Nearest rank; NaN of nothing. */
export function percentile(sample: readonly number[], percent: number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

export function median(sample: readonly number[]): number {
  const sorted = [...sample].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

export function summarise(sample: readonly number[]): Summary {
  return {
    n: sample.length,
    p50: percentile(sample, 50),
    p95: percentile(sample, 95),
    p99: percentile(sample, 99),
  };
}

/** Median over the rounds of `ours` divided by `theirs` in the same round: what a noisy machine does to one, it does to both. */
export function ratioOfRounds(
  ours: readonly (readonly number[])[],
  theirs: readonly (readonly number[])[],
  percent = 50,
): number {
  const ratios = ours.map((round, index) => percentile(round, percent) / percentile(theirs[index] ?? [], percent));
  return median(ratios.filter(Number.isFinite));
}
