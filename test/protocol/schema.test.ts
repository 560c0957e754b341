import * as ecs from '@aws-sdk/client-ecs';
import { JsonShapeDeserializer2 } from '@smithy/core/protocols';
import { NormalizedSchema } from '@smithy/core/schema';
import type { DocumentType, Schema } from '@smithy/types';
import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileReader, encodeJson, errorSchemas, operationSchemas } from '../../api/protocol/schema.ts';

const free = { shapes: {}, members: {} };
const refuse = (message: string) => new Error(message);
const ofSdk = new JsonShapeDeserializer2({ jsonName: false, timestampFormat: { useTrait: true, default: 7 } });
const parse = (bytes: Uint8Array): DocumentType => JSON.parse(Buffer.from(bytes).toString('utf8'));

test('every operation and every exception of the package is found', () => {
  const commands = Object.keys(ecs).filter((name) => /^[A-Z]\w+Command$/.test(name) && !name.startsWith('$'));
  expect(
    operationSchemas(ecs)
      .map(({ name }) => `${name}Command`)
      .sort(),
  ).toEqual(commands.sort());
  const found = errorSchemas(ecs);
  expect(found.find(({ name }) => name === 'ServerException')?.status).toBe(500);
  expect(found.find(({ name }) => name === 'ClientException')?.status).toBe(400);
});

describe('for random values of every structure that ECS sends or takes', () => {
  const schemas = operationSchemas(ecs).flatMap(({ name, input, output }): [string, Schema][] => [
    [`${name} input`, input],
    [`${name} output`, output],
  ]);

  test.each(schemas)('%s: reading what was encoded gives it back, and the SDK agrees', (_name, schema) => {
    const read = compileReader(schema, free, refuse);
    fc.assert(
      fc.property(arbitrary(NormalizedSchema.of(schema)), (value) => {
        const bytes = encodeJson(schema, deepFreeze(value));
        expect(read(parse(bytes))).toEqual(value);
        expect(ofSdk.readObject(schema, parse(bytes))).toEqual(value);
        expect(parse(encodeJson(schema, read(parse(bytes))))).toEqual(parse(bytes));
      }),
      { numRuns: 25 },
    );
  });
});

describe('outputs', () => {
  const definition = operationSchemas(ecs).find(({ name }) => name === 'RegisterTaskDefinition');
  const write = (taskDefinition: unknown) => parse(encodeJson(definition?.output as Schema, { taskDefinition }));

  test('leave out what is absent or unknown, and are never touched', () => {
    const dockerLabels = Object.freeze({ a: undefined, b: null, c: 'd' });
    const given = deepFreeze({
      __type: 'X',
      other: 1,
      cpu: undefined,
      family: null,
      containerDefinitions: [{ dockerLabels, more: 1 }],
    });
    expect(write(given)).toEqual({ taskDefinition: { containerDefinitions: [{ dockerLabels: { c: 'd' } }] } });
    expect(dockerLabels).toEqual({ a: undefined, b: null, c: 'd' });
  });

  test('have times in seconds with milliseconds', () => {
    expect(write({ registeredAt: new Date(1_700_000_000_123) })).toEqual({
      taskDefinition: { registeredAt: 1_700_000_000.123 },
    });
    expect(() => write({ registeredAt: new Date(Number.NaN) })).toThrow(RangeError);
    // The failed write leaves nothing behind.
    expect(write({ family: 'f' })).toEqual({ taskDefinition: { family: 'f' } });
  });

  test('get no tokens made up', () => {
    const input = operationSchemas(ecs).find(({ name }) => name === 'RunTask')?.input;
    expect(parse(encodeJson(input as Schema, { taskDefinition: 'a' }))).toEqual({ taskDefinition: 'a' });
  });
});

test('times are read from numbers only of this calendar', () => {
  const schema = NormalizedSchema.of(
    operationSchemas(ecs).find(({ name }) => name === 'SubmitTaskStateChange')?.input as Schema,
  );
  const read = compileReader(schema, free, refuse);
  expect(read({ pullStartedAt: 1.5 })).toEqual({ pullStartedAt: new Date(1500) });
  for (const time of [true, {}, [], 'x', '', 1e18])
    expect(() => read({ pullStartedAt: time }), String(time)).toThrow(
      expect.objectContaining({ code: 'SerializationException' }),
    );
});

function arbitrary(schema: NormalizedSchema): Arbitrary<unknown> {
  if (schema.isStructSchema()) {
    const members = [...schema.structIterator()].map(
      ([name, member]) => [name, fc.memo(() => arbitrary(member))()] as const,
    );
    if (schema.isUnionSchema()) return fc.oneof(...members.map(([name, value]) => fc.record({ [name]: value })));
    return fc.record(Object.fromEntries(members), { requiredKeys: requiredOf(schema), noNullPrototype: true });
  }
  if (schema.isListSchema()) return fc.array(arbitrary(schema.getValueSchema()), { maxLength: 2 });
  if (schema.isMapSchema())
    return fc.dictionary(text, arbitrary(schema.getValueSchema()), { maxKeys: 3, noNullPrototype: true });
  if (schema.isBooleanSchema()) return fc.boolean();
  if (schema.isNumericSchema())
    return fc.oneof(
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    );
  if (schema.isTimestampSchema()) return fc.integer({ min: -4e12, max: 4e12 }).map((time) => new Date(time));
  // -0, which jsonValue makes, is 0 in what JSON.stringify writes.
  if (schema.isDocumentSchema())
    return fc
      .jsonValue({ maxDepth: 2 })
      .filter((value) => value !== null)
      .map((value) => JSON.parse(JSON.stringify(value)));
  if (schema.isStringSchema()) return text;
  if (schema.isUnitSchema()) return fc.constant({});
  throw new Error(`no values for ${schema.getName()}`);
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('__proto__', '\ud800', 'é', '"\\\n'),
);

function requiredOf(schema: NormalizedSchema): string[] {
  const structure = schema.getSchema() as unknown as readonly unknown[];
  return (structure[4] as string[]).slice(0, Number(structure[6] ?? 0));
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
