import { defineConfig } from 'vitest/config';

/** They measure shares of processor time, or need so much of it that what runs beside them would be late. */
const alone = ['test/volumes/resources.test.ts', 'test/runtime/docker.test.ts', 'test/runtime/microvm.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: alone,
          // Most tests wait more than they compute.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      { extends: true, test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
});
