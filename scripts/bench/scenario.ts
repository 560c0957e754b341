/** What a scenario is given and gives back. */
import type { Cleanup } from './cleanup.ts';
import type { Table } from './table.ts';

export interface BenchContext {
  /** Small samples: shows that everything works, not how fast it is. */
  readonly quick: boolean;
  /** Overrides how often each scenario repeats its measurements. */
  readonly rounds?: number;
  readonly cleanup: Cleanup;
  /** Progress, for people who wait. */
  readonly say: (line: string) => void;
}

export interface ScenarioResult {
  readonly tables: readonly Table[];
  /** Everything that was measured, for the JSON file. */
  readonly data: unknown;
  /** What must not be, in one sentence: the benchmark goes on, and fails at its end. */
  readonly failure?: string;
}

export type Scenario = (context: BenchContext) => Promise<ScenarioResult>;
