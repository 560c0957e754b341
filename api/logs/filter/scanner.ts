/** Reads a filter pattern's text from left to right. */
import { compileExpression, type Expression } from '../../../core/expression.ts';

export class PatternError extends Error {
  override readonly name = 'PatternError';
}

export interface Scanner {
  /** Text from here on. */
  rest(): string;
  atEnd(): boolean;
  skipSpace(): void;
  /** Takes what the expression matches here; it must be sticky. */
  take(expression: RegExp): string | undefined;
  /** @throws PatternError when it does not match here */
  need(expression: RegExp, what: string): string;
}

export function scan(text: string): Scanner {
  let at = 0;
  const take = (expression: RegExp) => {
    expression.lastIndex = at;
    const [found] = expression.exec(text) ?? [];
    if (found === undefined) return undefined;
    at += found.length;
    return found;
  };
  return {
    rest: () => text.slice(at),
    atEnd: () => at >= text.length,
    skipSpace: () => void take(/\s*/y),
    take,
    need(expression, what) {
      const found = take(expression);
      if (found === undefined)
        throw new PatternError(`Invalid character(s) in term '${text.slice(at, at + 20)}': expected ${what}`);
      return found;
    },
  };
}

/** `"a \"quoted\" text"` to what it says. */
export function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(["\\])/g, '$1');
}

export const quoted = /"(?:[^"\\]|\\.)*"/y;
export const regex = /%(?:[^%\\]|\\.)+%/y;

/** `%text%`: letters, digits and a few signs, and the operators ^ $ ? [ ] { } | \ * + . */
export function parseRegex(text: string): Expression {
  const body = text.slice(1, -1);
  const wrong = /[^A-Za-z0-9_#=@/;,\-^$?[\]{}|\\*+.:'"<> \t]|\\(?![dDsSwW\\.^$*+?{}[\]|/%-])/.exec(
    body.replaceAll('\\(', '').replaceAll('\\)', ''),
  );
  if (wrong) throw new PatternError(`Invalid regular expression '${body}': '${wrong[0]}' is not supported`);
  try {
    return compileExpression(body);
  } catch (error) {
    throw new PatternError(`Invalid regular expression '${body}'`, { cause: error });
  }
}

/** A text in which `*` stands for anything. */
export function wildcard(text: string): (value: string) => boolean {
  if (!text.includes('*')) return (value) => value === text;
  const parts = text.split('*');
  const head = parts[0] ?? '';
  const tail = parts.at(-1) ?? '';
  const middle = parts.slice(1, -1);
  return (value) => {
    if (value.length < head.length + tail.length || !value.startsWith(head) || !value.endsWith(tail)) return false;
    let at = head.length;
    for (const part of middle) {
      const found = value.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= value.length - tail.length;
  };
}

/** How a value is compared with what the pattern says: `= text`, `!= text`, `= %regex%`, `> 5` and the like. */
export type Comparison = (value: string) => boolean;

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=';

export const operator = /!=|<=|>=|=|<|>/y;

const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/** undefined: it is none. */
export function numberIn(text: string): number | undefined {
  return decimal.test(text) ? Number(text) : undefined;
}

/** `text` may be quoted, a regular expression, a number, or have wildcards. */
export function comparison(operation: Operator, text: string): Comparison {
  if (text.startsWith('%')) {
    const expression = parseRegex(text);
    if (operation === '=') return (value) => expression.test(value);
    if (operation === '!=') return (value) => !expression.test(value);
    throw new PatternError(`A regular expression cannot be compared with ${operation}`);
  }
  const isQuoted = text.startsWith('"');
  const plain = isQuoted ? unquote(text) : text;
  const number = isQuoted ? undefined : numberIn(plain);
  if (operation === '=' || operation === '!=') {
    const matches = wildcard(plain);
    const equal = number === undefined ? matches : (value: string) => numberIn(value) === number || matches(value);
    return operation === '=' ? equal : (value) => !equal(value);
  }
  if (number === undefined)
    throw new PatternError(`'${plain}' is not a number and cannot be compared with ${operation}`);
  return (value) => {
    const given = numberIn(value);
    if (given === undefined) return false;
    if (operation === '<') return given < number;
    if (operation === '<=') return given <= number;
    return operation === '>' ? given > number : given >= number;
  };
}
