/**
 * The only file that knows how the SDK packages write schemas down. From a schema and a service's constraint table it
 * compiles a reader (checks a JSON value and builds the handler's input in the same pass) and encodes outputs.
 */
import { JsonShapeDeserializer2, JsonShapeSerializer2 } from '@smithy/core/protocols';
import { NormalizedSchema } from '@smithy/core/schema';
import type { Schema } from '@smithy/types';
import type { Constraint, ConstraintTable } from './constraint-table.ts';
import {
  type Demand,
  demandsOf,
  descend,
  describeProblems,
  type Expected,
  reportMissing,
  reportProblem,
  serializationError,
  startWalk,
  type Walk,
  wrongList,
  wrongMap,
  wrongScalar,
  wrongStructure,
} from './validation.ts';

/** AWS JSON: member names as they are, times in epoch seconds unless a member says otherwise. */
const jsonSettings = { jsonName: false, timestampFormat: { useTrait: true, default: 7 } } as const;

export interface OperationSchema {
  readonly name: string;
  readonly input: Schema;
  readonly output: Schema;
}

/** Every operation of an SDK package, found by its exported schemas. */
export function operationSchemas(sdk: object): readonly OperationSchema[] {
  return schemasOfKind(sdk, 9).map((schema) => ({
    name: String(schema[2]),
    input: schema[4] as Schema,
    output: schema[5] as Schema,
  }));
}

export interface ErrorSchema {
  readonly name: string;
  readonly status: number;
  /** Its name in the Query protocol, where that is another. */
  readonly queryCode?: string | undefined;
  readonly schema: Schema;
}

/** Every exception of an SDK package. */
export function errorSchemas(sdk: object): readonly ErrorSchema[] {
  return schemasOfKind(sdk, -3).map((schema) => {
    const { error, httpError, awsQueryError } = NormalizedSchema.of(schema as unknown as Schema).getMergedTraits() as {
      readonly error?: unknown;
      readonly httpError?: unknown;
      readonly awsQueryError?: readonly [code: string, status: number];
    };
    return {
      name: String(schema[2]),
      status: typeof httpError === 'number' ? httpError : error === 'server' ? 500 : 400,
      queryCode: awsQueryError?.[0],
      schema: schema as unknown as Schema,
    };
  });
}

function schemasOfKind(sdk: object, kind: number): readonly (readonly unknown[])[] {
  return Object.entries(sdk)
    .filter(([name, value]) => name.endsWith('$') && Array.isArray(value) && value[0] === kind)
    .map(([, value]) => value);
}

/** Reads one JSON value that is not null; what it returns shares no object with a structure it was given. */
type Read = (value: unknown, walk: Walk) => unknown;

/**
 * Compiles the reader of a request. It throws AwsError SerializationException for a wrong type, and
 * `invalid(message)` when the types are right but the model's constraints do not hold.
 */
export function compileReader(
  schema: Schema,
  constraints: ConstraintTable,
  invalid: (message: string) => Error,
): (json: unknown) => unknown {
  const read = new Compiler(constraints).compile(NormalizedSchema.of(schema), undefined);
  return (json) => {
    const walk = startWalk();
    const value = read(json, walk);
    if (walk.problems.length > 0) throw invalid(describeProblems(walk.problems));
    return value;
  };
}

class Compiler {
  readonly #table: ConstraintTable;
  readonly #structures = new Map<unknown, Read>();

  constructor(table: ConstraintTable) {
    this.#table = table;
  }

  compile(schema: NormalizedSchema, constraintName: string | undefined): Read {
    const constraint = constraintName === undefined ? undefined : this.#table.shapes[constraintName];
    if (schema.isUnitSchema()) return () => ({});
    if (schema.isStructSchema()) return this.#structure(schema);
    const sensitive = Boolean(schema.getMergedTraits().sensitive);
    return demanding(this.#unchecked(schema, constraint), constraint ? demandsOf(constraint) : [], sensitive);
  }

  #unchecked(schema: NormalizedSchema, constraint: Constraint | undefined): Read {
    if (schema.isListSchema()) return this.#list(schema, constraint);
    if (schema.isMapSchema()) return this.#map(schema, constraint);
    if (schema.isStringSchema()) return readString;
    if (schema.isBooleanSchema()) return readBoolean;
    if (schema.isNumericSchema()) return numberReader(constraint?.integer);
    if (schema.isDocumentSchema()) return readDocument;
    return leafReader(schema);
  }

  #structure(schema: NormalizedSchema): Read {
    const key = schema.getSchema();
    const known = this.#structures.get(key);
    if (known) return known;
    const members: Member[] = [];
    const read = structureReader(members, schema.isUnionSchema());
    // Before its members, which may hold the same structure again.
    this.#structures.set(key, read);
    const constrained = this.#table.members[schema.getName() ?? ''];
    const required = requiredCount(schema);
    for (const [name, member] of schema.structIterator())
      members.push({
        name,
        inherited: name in Object.prototype,
        required: members.length < required,
        read: this.compile(member, constrained?.[name]),
      });
    return read;
  }

  #list(schema: NormalizedSchema, constraint: Constraint | undefined): Read {
    const member = schema.getValueSchema();
    const sparse = Boolean(schema.getMergedTraits().sparse);
    const element = constraint?.element ? this.#table.shapes[constraint.element] : undefined;
    // AWS reports elements that are not structures together, at the list.
    const demands = element && !member.isStructSchema() ? demandsOf(element) : [];
    const read = demands.length > 0 ? this.#unchecked(member, element) : this.compile(member, constraint?.element);
    const sensitive = Boolean(member.getMergedTraits().sensitive);
    return (value, walk) => {
      if (!Array.isArray(value)) throw wrongList(value);
      const out: unknown[] = [];
      for (let index = 0; index < value.length; index++) {
        const item = value[index];
        if (item === null) {
          if (sparse) out.push(null);
          continue;
        }
        descend(walk, index);
        out.push(read(item, walk));
        walk.path.pop();
      }
      if (demands.length > 0 && out.some((item) => !demands.every((demand) => demand.holds(item))))
        reportProblem(
          walk,
          out,
          `Member must satisfy constraint: [${demands.map(({ text }) => text).join(', ')}]`,
          sensitive,
        );
      return out;
    };
  }

  #map(schema: NormalizedSchema, constraint: Constraint | undefined): Read {
    const read = this.compile(schema.getValueSchema(), constraint?.element);
    const sparse = Boolean(schema.getMergedTraits().sparse);
    return (value, walk) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongMap(value);
      const out: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value)) {
        if (item === null) {
          if (sparse) put(out, key, null);
          continue;
        }
        descend(walk, `${key}.member`);
        put(out, key, read(item, walk));
        walk.path.pop();
      }
      return out;
    };
  }
}

interface Member {
  readonly name: string;
  /** True when every object has something under this name, so that "absent" must be asked for. */
  readonly inherited: boolean;
  readonly required: boolean;
  readonly read: Read;
}

function structureReader(members: readonly Member[], union: boolean): Read {
  return (value, walk) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongStructure(value);
    const given = value as Readonly<Record<string, unknown>>;
    const out: Record<string, unknown> = {};
    let count = 0;
    for (const { name, inherited, required, read } of members) {
      const item = inherited && !Object.hasOwn(given, name) ? undefined : given[name];
      if (item === undefined || item === null) {
        if (required) reportMissing(walk, name);
        continue;
      }
      count++;
      descend(walk, name);
      out[name] = read(item, walk);
      walk.path.pop();
    }
    if (union && count !== 1) throw serializationError(`A union must have exactly one member, but has ${count}.`);
    return out;
  };
}

function demanding(read: Read, demands: readonly Demand[], sensitive: boolean): Read {
  if (demands.length === 0) return read;
  return (value, walk) => {
    const result = read(value, walk);
    for (const { holds, text } of demands) if (!holds(result)) reportProblem(walk, result, text, sensitive);
    return result;
  };
}

const readString: Read = (value) => {
  if (typeof value !== 'string') throw wrongScalar(value, 'String');
  return value;
};

const readBoolean: Read = (value) => {
  if (typeof value !== 'boolean') throw wrongScalar(value, 'Boolean');
  return value;
};

/** A long beyond 2^53 has lost digits before it gets here, so it is refused rather than changed. */
const greatest = { int: 2 ** 31 - 1, long: Number.MAX_SAFE_INTEGER };
const least = { int: -(2 ** 31), long: Number.MIN_SAFE_INTEGER };

function numberReader(integer: 'int' | 'long' | undefined): Read {
  if (integer === undefined)
    return (value) => {
      if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongScalar(value, 'Double');
      return value;
    };
  const expected = integer === 'int' ? 'Integer' : 'Long';
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value > greatest[integer] || value < least[integer])
      throw wrongScalar(value, expected);
    return value;
  };
}

/** Any JSON value; walked only for its depth. */
const readDocument: Read = (value, walk) => {
  if (typeof value !== 'object' || value === null) return value;
  for (const [key, item] of Object.entries(value)) {
    descend(walk, key);
    readDocument(item, walk);
    walk.path.pop();
  }
  return value;
};

/** Times, binary values and big numbers, whose forms the SDK's own codec knows. */
function leafReader(schema: NormalizedSchema): Read {
  const codec = new JsonShapeDeserializer2(jsonSettings);
  const expected: Expected = schema.isTimestampSchema() ? 'Timestamp' : schema.isBlobSchema() ? 'Blob' : 'BigInteger';
  return (value) => {
    if (typeof value !== 'number' && typeof value !== 'string') throw wrongScalar(value, expected);
    let result: unknown;
    try {
      result = codec.readObject(schema, value);
    } catch (error) {
      throw error instanceof Error ? wrongScalar(value, expected) : error;
    }
    const wrong = result === value || (result instanceof Date && Number.isNaN(result.getTime()));
    if (wrong) throw wrongScalar(value, expected);
    return result;
  };
}

/** Assignment would change the prototype for the key `__proto__`. */
function put(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}

/** Required members come first in a structure's schema; their number is its last item. */
function requiredCount(schema: NormalizedSchema): number {
  const structure: unknown = schema.getSchema();
  const count: unknown = Array.isArray(structure) ? structure[6] : 0;
  return typeof count === 'number' ? count : 0;
}

/** The SDK's serializer, without what only a client may do: fill in tokens, send unknown members, touch the value. */
class OutputSerializer extends JsonShapeSerializer2 {
  protected override writeStruct(schema: NormalizedSchema, value: Record<string, unknown>): void {
    let separator = '{';
    for (const [name, member] of schema.structIterator()) {
      const item = value[name];
      if (item === undefined || item === null) continue;
      this.writeAscii(separator);
      separator = ',';
      this.writeAsciiQuoted(name);
      this.writeAscii(':');
      this.writeValue(member, item, schema);
    }
    this.writeAscii(separator === '{' ? '{}' : '}');
  }

  protected override writeMap(schema: NormalizedSchema, value: Record<string, unknown>, isDocument?: boolean): void {
    const whole = isDocument || Object.values(value).every((item) => item !== null && item !== undefined);
    super.writeMap(schema, whole ? value : withoutAbsent(value), isDocument);
  }

  protected override writeTimestamp(schema: NormalizedSchema, value: Date): void {
    if (Number.isNaN(value.getTime())) throw new RangeError(`${schema.getName()} is not a valid time`);
    super.writeTimestamp(schema, value);
  }
}

function withoutAbsent(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) if (item !== null && item !== undefined) put(kept, key, item);
  return kept;
}

// One for all: writing and flushing happen in one synchronous step.
const serializer = new OutputSerializer(jsonSettings);

/** JSON of a value as its schema describes it; members that are absent or unknown are left out. */
export function encodeJson(schema: Schema, value: unknown): Buffer {
  const normalized = NormalizedSchema.of(schema);
  serializer.write(normalized.isUnitSchema() ? emptyStructure : schema, value ?? {});
  // A plain view: what the serializer returns warns when it is used as text.
  const { buffer, byteOffset, byteLength } = serializer.flush();
  return Buffer.from(buffer, byteOffset, byteLength);
}

const emptyStructure: Schema = [3, 'longshore', 'Empty', 0, [], []];
