import { readdirSync } from 'node:fs';
import { NormalizedSchema } from '@smithy/core/schema';
import { expect, test } from 'vitest';
import type { ConstraintTable } from '../../api/protocol/constraint-table.ts';
import { compileReader } from '../../api/protocol/schema.ts';

const folder = new URL('../../api/protocol/constraints/', import.meta.url);

/** A pattern that does not compile would fail every request that its structure is in. */
test.each(readdirSync(folder))('every pattern of %s can be asked', async (file) => {
  const tables: readonly ConstraintTable[] = Object.values(await import(new URL(file, folder).href));
  const patterns = tables.flatMap(({ shapes }) => Object.entries(shapes).filter(([, { pattern }]) => pattern));
  for (const [name, constraint] of patterns) {
    const table = { shapes: { [name]: { ...constraint, enum: undefined } }, members: { Any: { text: name } } };
    const text = [3, 'longshore.test', 'Any', 0, ['text'], [0]];
    const compile = () => compileReader(NormalizedSchema.of(text as never), table as never, (why) => new Error(why));
    expect(compile, name).not.toThrow();
  }
});
