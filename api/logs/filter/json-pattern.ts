/** `{ ($.status >= 500 || $.level = "err*") && $.user NOT EXISTS }` over messages that are JSON objects or lists. */
import type { MessageFilter } from './pattern.ts';
import { comparison, type Operator, operator, PatternError, quoted, regex, type Scanner, scan } from './scanner.ts';

/** Names and list positions; `*` stands for all of them. */
type Selector = readonly (string | number | typeof every)[];
const every = Symbol('every');

interface Condition {
  holds(document: unknown): boolean;
  /** Selectors and their texts. */
  readonly names: readonly (readonly [text: string, selector: Selector])[];
}

export function parseJsonPattern(text: string): MessageFilter {
  const scanner = scan(text);
  scanner.need(/\{/y, '{');
  scanner.skipSpace();
  // `{}` and `{ }`: whatever is JSON.
  const condition: Condition = /^\}/.test(scanner.rest()) ? { holds: () => true, names: [] } : anyOf(scanner);
  scanner.skipSpace();
  scanner.need(/\}/y, '}');
  scanner.skipSpace();
  if (!scanner.atEnd()) throw new PatternError(`Invalid character(s) after '}': ${scanner.rest().slice(0, 20)}`);
  return (message) => {
    const start = message.trimStart()[0];
    if (start !== '{' && start !== '[') return undefined;
    let document: unknown;
    try {
      document = JSON.parse(message);
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
    return condition.holds(document) ? { extracted: extract(condition, document) } : undefined;
  };
}

function extract({ names }: Condition, document: unknown): Record<string, string> {
  return Object.fromEntries(
    names.flatMap(([text, selector]) => {
      const [value] = select(document, selector);
      return value === undefined ? [] : [[text, textOf(value) ?? JSON.stringify(value)]];
    }),
  );
}

function anyOf(scanner: Scanner): Condition {
  return joined(scanner, /\|\||\|(?!\|)/y, allOf, (document, conditions) =>
    conditions.some((condition) => condition.holds(document)),
  );
}

function allOf(scanner: Scanner): Condition {
  return joined(scanner, /&&/y, one, (document, conditions) =>
    conditions.every((condition) => condition.holds(document)),
  );
}

function joined(
  scanner: Scanner,
  separator: RegExp,
  part: (scanner: Scanner) => Condition,
  holds: (document: unknown, conditions: readonly Condition[]) => boolean,
): Condition {
  const conditions = [part(scanner)];
  for (;;) {
    scanner.skipSpace();
    if (scanner.take(separator) === undefined) break;
    conditions.push(part(scanner));
  }
  const [only] = conditions;
  if (conditions.length === 1 && only) return only;
  return {
    holds: (document) => holds(document, conditions),
    names: conditions.flatMap(({ names }) => names),
  };
}

function one(scanner: Scanner): Condition {
  scanner.skipSpace();
  if (scanner.take(/\(/y) !== undefined) {
    const inner = anyOf(scanner);
    scanner.skipSpace();
    scanner.need(/\)/y, ')');
    return inner;
  }
  const before = scanner.rest();
  const selector = selectorOf(scanner);
  const name = before.slice(0, before.length - scanner.rest().length);
  const names = [[name, selector]] as const;
  scanner.skipSpace();
  const holds = test(scanner);
  return { names, holds: (document) => holds(select(document, selector)) };
}

/** `IS NULL`, `NOT EXISTS` and the like, or an operator and a value. */
function test(scanner: Scanner): (values: readonly unknown[]) => boolean {
  const word = scanner.take(/(IS\s+NOT\s+NULL|IS\s+NULL|IS\s+TRUE|IS\s+FALSE|NOT\s+EXISTS|EXISTS)\b/iy);
  switch (word?.toUpperCase().replace(/\s+/g, ' ')) {
    case 'IS NULL':
      return (values) => values.some((value) => value === null);
    case 'IS NOT NULL':
      return (values) => values.some((value) => value !== null);
    case 'IS TRUE':
      return (values) => values.some((value) => value === true);
    case 'IS FALSE':
      return (values) => values.some((value) => value === false);
    case 'NOT EXISTS':
      return (values) => values.length === 0;
    case 'EXISTS':
      return (values) => values.length > 0;
  }
  const operation = scanner.need(operator, 'an operator') as Operator;
  scanner.skipSpace();
  const value = scanner.take(quoted) ?? scanner.take(regex) ?? scanner.need(/[^\s()&|{}"%]+/y, 'a value');
  const holds = comparison(operation, value);
  // A field that is not there is neither equal nor different.
  return (values) =>
    values.some((given) => {
      const text = textOf(given);
      return text !== undefined && holds(text);
    });
}

/** `$.a.b[0].c`, `$.*`, `$.a[*]`, `$['a b']`, `$.['a b']` */
function selectorOf(scanner: Scanner): Selector {
  scanner.need(/\$/y, 'a selector that starts with $');
  const steps: (string | number | typeof every)[] = [];
  for (;;) {
    const step = scanner.take(/\.?\[\s*(\d+|\*|'[^']*'|"[^"]*")\s*\]|\.(\*|[A-Za-z0-9_@#:/-]+)/y);
    if (step === undefined) break;
    const inside = step.replace(/^\.?\[?\s*|\s*\]?$/g, '');
    if (inside === '*') steps.push(every);
    else if (step.includes('[')) steps.push(/^\d+$/.test(inside) ? Number(inside) : inside.slice(1, -1));
    else steps.push(inside);
  }
  if (steps.length === 0) throw new PatternError('Invalid selector: $ needs a property');
  return steps;
}

function select(document: unknown, selector: Selector): readonly unknown[] {
  let values: readonly unknown[] = [document];
  for (const step of selector)
    values = values.flatMap((value) => {
      if (typeof value !== 'object' || value === null) return [];
      if (step === every) return Object.values(value);
      const found = Object.hasOwn(value, step) ? [(value as Record<string | number, unknown>)[step]] : [];
      // A name may not mean a list's position or length.
      return Array.isArray(value) && typeof step === 'string' ? [] : found;
    });
  return values;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
