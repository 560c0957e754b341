import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They take minutes of a worker, which at the end would have no company. */
const long = ['microvm', 'docker', 'docker-network'].map((name) => `test/runtime/${name}.test.ts`);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => long.some((path) => moduleId.endsWith(path));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Most tests wait more than they compute.
    maxWorkers: 3,
    // Loading what is tested anew for each file takes longer than most files' tests.
    isolate: false,
    sequence: { sequencer: LongFirst },
  },
});
