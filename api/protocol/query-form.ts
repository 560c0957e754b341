/** Form fields as the JSON that they stand for, by an operation's input schema; what is checked is left to readers of JSON. */
import { NormalizedSchema } from '@smithy/core/schema';
import type { Schema } from '@smithy/types';
import { serializationError } from './validation.ts';

/** Fields by the parts of their names between dots. */
interface Node {
  value?: string;
  readonly parts: Map<string, Node>;
}

/** More than any input has. */
const deepest = 32;

export function formToJson(schema: Schema, fields: ReadonlyMap<string, string>): unknown {
  const root = newNode();
  for (const [name, value] of fields) {
    let node = root;
    const parts = name.split('.');
    if (parts.length > deepest) throw serializationError(`The field ${name.slice(0, 100)} is nested too deeply.`);
    for (const part of parts) {
      const next = node.parts.get(part) ?? newNode();
      node.parts.set(part, next);
      node = next;
    }
    node.value = value;
  }
  const input = NormalizedSchema.of(schema);
  return input.isUnitSchema() ? {} : structure(input, root);
}

function newNode(): Node {
  return { parts: new Map() };
}

function structure(schema: NormalizedSchema, node: Node): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, member] of schema.structIterator()) {
    const found = node.parts.get(wireName(member, name));
    if (found) out[name] = read(member, found);
  }
  return out;
}

function read(schema: NormalizedSchema, node: Node): unknown {
  if (schema.isStructSchema()) return structure(schema, node);
  if (schema.isListSchema()) return list(schema, node);
  if (schema.isMapSchema()) return map(schema, node);
  return scalar(schema, node.value ?? '');
}

/** `Name=` is an empty list. */
function list(schema: NormalizedSchema, node: Node): readonly unknown[] {
  const member = schema.getValueSchema();
  const home = isFlat(schema) ? node : node.parts.get(wireName(member, 'member'));
  return numbered(home).map((item) => read(member, item));
}

function map(schema: NormalizedSchema, node: Node): Record<string, unknown> {
  const [key, value] = [schema.getKeySchema(), schema.getValueSchema()];
  const home = isFlat(schema) ? node : node.parts.get('entry');
  const pairs = numbered(home).map((entry) => [
    entry.parts.get(wireName(key, 'key'))?.value ?? '',
    read(value, entry.parts.get(wireName(value, 'value')) ?? newNode()),
  ]);
  return Object.fromEntries(pairs);
}

function numbered(node: Node | undefined): readonly Node[] {
  return [...(node?.parts ?? [])]
    .filter(([part]) => /^\d+$/.test(part))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, item]) => item);
}

function scalar(schema: NormalizedSchema, text: string): unknown {
  if (schema.isBooleanSchema()) {
    if (text === 'true' || text === 'false') return text === 'true';
    throw serializationError(`${text.slice(0, 100)} cannot be converted to Boolean`);
  }
  if (schema.isNumericSchema()) {
    if (/^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text)) return Number(text);
    throw serializationError(`${text.slice(0, 100)} cannot be converted to a number`);
  }
  if (schema.isTimestampSchema()) {
    const time = Date.parse(text);
    if (!Number.isNaN(time)) return time / 1000;
    throw serializationError(`${text.slice(0, 100)} cannot be converted to Timestamp`);
  }
  return text;
}

export function wireName(schema: NormalizedSchema, otherwise: string): string {
  const { xmlName } = schema.getMemberTraits();
  return typeof xmlName === 'string' ? xmlName : otherwise;
}

export function isFlat(schema: NormalizedSchema): boolean {
  return Boolean(schema.getMergedTraits().xmlFlattened);
}
