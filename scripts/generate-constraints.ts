/**
 * Writes api/protocol/constraints/<service>.ts: enums, bounds, patterns and integer kinds of one service's requests.
 *
 *   node scripts/generate-constraints.ts ecs <path of botocore's service-2.json or service-2.json.gz> [<operation> …]
 *
 * With operations named, the table is about these only: enough for a large service of which few are built.
 *
 * Run it in the repository's folder, with a Node that strips types (22.18 or newer).
 *
 * The model holds every kind of constraint; the SDK package may be newer and adds enum members and shapes of its own.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Constraint, ConstraintTable } from '../api/protocol/constraint-table.ts';

interface Shape {
  readonly type: string;
  readonly members?: Readonly<Record<string, { readonly shape: string }>>;
  readonly member?: { readonly shape: string };
  readonly value?: { readonly shape: string };
  readonly enum?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
}

interface Model {
  readonly operations: Readonly<Record<string, { readonly input?: { readonly shape: string } }>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

/** Interface -> member -> type, as a package's declaration files write them. */
type Declarations = ReadonlyMap<string, ReadonlyMap<string, string>>;

const numbers = new Set(['integer', 'long', 'float', 'double']);

function parseModel(bytes: Buffer): Model {
  return JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('utf8'));
}

async function readDeclarations(packageRoot: string): Promise<Declarations> {
  const folder = join(packageRoot, 'dist-types', 'models');
  const files = (await readdir(folder)).filter((name) => /^models_\d+\.d\.ts$/.test(name));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const interfaces = [...texts.join('\n').matchAll(/^export interface (\w+) \{\n(.*?)^\}/gms)];
  return new Map(
    interfaces.map(([, name = '', body = '']) => [
      name,
      new Map(
        [...body.matchAll(/^ {4}(\w+)\??: (.*?)(?: \| undefined)?;$/gm)].map(([, member = '', type = '']) => [
          member,
          type,
        ]),
      ),
    ]),
  );
}

/** The SDK's enum objects: plain objects of strings. */
function sdkEnums(sdk: Readonly<Record<string, unknown>>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(sdk)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
    const values = Object.values(value);
    if (values.length > 0 && values.every((item) => typeof item === 'string')) found.set(name, values);
  }
  return found;
}

function buildTable(
  model: Model,
  declared: Declarations,
  enums: ReadonlyMap<string, readonly string[]>,
  operations: readonly string[],
): ConstraintTable {
  const shapes: Record<string, Constraint> = {};
  const members: Record<string, Record<string, string>> = {};

  /** Name of the shape's constraint in the table; undefined: it demands nothing. */
  function constrain(name: string): string | undefined {
    if (shapes[name]) return name;
    const shape = model.shapes[name];
    if (!shape) return undefined;
    const inner = shape.member ?? shape.value;
    const element = inner && constrain(inner.shape);
    const newer = shape.enum && (enums.get(name) ?? []);
    const constraint: Constraint = {
      ...(shape.type === 'integer' && { integer: 'int' as const }),
      ...(shape.type === 'long' && { integer: 'long' as const }),
      ...(shape.enum && { enum: [...new Set([...shape.enum, ...(newer ?? [])])] }),
      ...(shape.min !== undefined && !(shape.min === 0 && !numbers.has(shape.type)) && { min: shape.min }),
      ...(shape.max !== undefined && { max: shape.max }),
      ...(numbers.has(shape.type) && (shape.min ?? shape.max) !== undefined && { bound: 'value' as const }),
      ...(shape.pattern && { pattern: shape.pattern }),
      ...(element && { element }),
    };
    if (Object.keys(constraint).length === 0) return undefined;
    shapes[name] = constraint;
    return name;
  }

  /** The same for a type that only the SDK's declarations know: an enum or a list of one. */
  function constrainDeclared(type: string): string | undefined {
    const element = type.match(/^(\w+)\[\]$/)?.[1];
    const values = enums.get(element ?? type);
    if (!values) return undefined;
    const name = element ?? type;
    shapes[name] ??= { enum: values };
    if (!element) return name;
    shapes[`${name}List`] ??= { element: name };
    return `${name}List`;
  }

  for (const name of reachable(model, declared, operations)) {
    const modelled = model.shapes[name]?.members ?? {};
    const found: Record<string, string> = {};
    for (const member of new Set([...Object.keys(modelled), ...(declared.get(name)?.keys() ?? [])])) {
      const target = modelled[member]?.shape;
      const constraint = target ? constrain(target) : constrainDeclared(declared.get(name)?.get(member) ?? '');
      if (constraint) found[member] = constraint;
    }
    if (Object.keys(found).length > 0) members[name] = found;
  }
  return { shapes: sorted(shapes), members: sorted(members) };
}

/** Structures that a request can hold; without `operations`, any request. */
function reachable(model: Model, declared: Declarations, operations: readonly string[]): ReadonlySet<string> {
  const asked = (name: string) => operations.length === 0 || operations.includes(name);
  const found = new Set<string>();
  const visit = (name: string | undefined): void => {
    if (name === undefined || found.has(name)) return;
    const shape = model.shapes[name];
    const declaration = declared.get(name);
    if (!shape && !declaration) return;
    found.add(name);
    for (const member of Object.values(shape?.members ?? {})) visit(member.shape);
    visit(shape?.member?.shape);
    visit(shape?.value?.shape);
    for (const type of declaration?.values() ?? []) for (const [word] of type.matchAll(/\w+/g)) visit(word);
  };
  for (const [name, { input }] of Object.entries(model.operations)) if (asked(name)) visit(input?.shape);
  for (const name of declared.keys()) if (name.endsWith('Request') && asked(name.slice(0, -7))) visit(name);
  return found;
}

function sorted<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const [service, modelPath, ...operations] = process.argv.slice(2);
if (!service || !modelPath) {
  console.error('usage: node scripts/generate-constraints.ts <service> <path of service-2.json[.gz]> [<operation> …]');
  process.exit(2);
}
const packageName = `@aws-sdk/client-${service}`;
const packageRoot = dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));
const { version } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8'));
const table = buildTable(
  parseModel(await readFile(modelPath)),
  await readDeclarations(packageRoot),
  sdkEnums(await import(packageName)),
  operations,
);
const output = join('api', 'protocol', 'constraints', `${service}.ts`);
await writeFile(
  output,
  `/** Made by scripts/generate-constraints.ts from botocore's model and ${packageName} ${version}; never edited by hand. */
import type { ConstraintTable } from '../constraint-table.ts';

export const ${service.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())}Constraints: ConstraintTable = ${JSON.stringify(table, null, 2)};
`,
);
console.log(`${output}: ${Object.keys(table.shapes).length} shapes, ${Object.keys(table.members).length} structures`);
