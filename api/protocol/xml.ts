/** Outputs as XML, by their schema. */
import { NormalizedSchema } from '@smithy/core/schema';
import type { Schema } from '@smithy/types';
import { isFlat, wireName } from './query-form.ts';

/** What is in the element of a whole output; undefined: the operation has none. */
export function xmlOf(schema: Schema, value: unknown): string | undefined {
  const normalized = NormalizedSchema.of(schema);
  return normalized.isUnitSchema()
    ? undefined
    : members(normalized, (value ?? {}) as Readonly<Record<string, unknown>>);
}

/** @param content XML already */
export function element(name: string, content: string, namespace?: string): string {
  return `<${name}${namespace === undefined ? '' : ` xmlns="${namespace}"`}>${content}</${name}>`;
}

function members(schema: NormalizedSchema, value: Readonly<Record<string, unknown>>): string {
  let xml = '';
  for (const [name, member] of schema.structIterator()) {
    const item = value[name];
    if (item !== undefined && item !== null) xml += write(member, wireName(member, name), item);
  }
  return xml;
}

function write(schema: NormalizedSchema, name: string, value: unknown): string {
  if (schema.isStructSchema()) return element(name, members(schema, value as Readonly<Record<string, unknown>>));
  if (schema.isListSchema()) {
    const member = schema.getValueSchema();
    const flat = isFlat(schema);
    const items = (value as readonly unknown[])
      .map((item) => write(member, flat ? name : wireName(member, 'member'), item))
      .join('');
    return flat ? items : element(name, items);
  }
  if (schema.isMapSchema()) {
    const flat = isFlat(schema);
    const entries = Object.entries(value as Readonly<Record<string, unknown>>)
      .map(([key, item]) => {
        const pair =
          write(schema.getKeySchema(), wireName(schema.getKeySchema(), 'key'), key) +
          write(schema.getValueSchema(), wireName(schema.getValueSchema(), 'value'), item);
        return element(flat ? name : 'entry', pair);
      })
      .join('');
    return flat ? entries : element(name, entries);
  }
  return element(name, escapeXml(scalar(value)));
}

function scalar(value: unknown): string {
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value);
}

/** Characters that XML cannot hold are left out. */
export function escapeXml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 does not allow
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
      .replace(/[&<>"\r]/g, (char) => `&#${char.charCodeAt(0)};`)
  );
}
