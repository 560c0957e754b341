/** `[ip, user, ..., status_code = 4*, bytes > 1000]` over the words of a message. */
import type { MessageFilter } from './pattern.ts';
import { comparison, type Operator, operator, PatternError, quoted, regex, type Scanner, scan } from './scanner.ts';

interface Field {
  readonly name: string;
  readonly holds: (value: string) => boolean;
}

export function parseDelimitedPattern(text: string): MessageFilter {
  const scanner = scan(text);
  scanner.need(/\[/y, '[');
  const fields: (Field | 'rest')[] = [];
  do {
    scanner.skipSpace();
    if (scanner.take(/\.\.\./y) !== undefined) fields.push('rest');
    else if (!/^[\],]/.test(scanner.rest())) fields.push(fieldOf(scanner));
    else fields.push({ name: '', holds: () => true });
    scanner.skipSpace();
  } while (scanner.take(/,/y) !== undefined);
  scanner.need(/\]/y, ']');
  scanner.skipSpace();
  if (!scanner.atEnd()) throw new PatternError(`Invalid character(s) after ']': ${scanner.rest().slice(0, 20)}`);
  if (fields.filter((field) => field === 'rest').length > 1)
    throw new PatternError('A pattern can have only one ellipsis');

  return (message) => {
    const words = wordsOf(message);
    const rest = fields.indexOf('rest');
    if (rest < 0 ? words.length !== fields.length : words.length < fields.length - 1) return undefined;
    const between = words.length - (fields.length - 1);
    const extracted: Record<string, string> = {};
    for (const [index, field] of fields.entries()) {
      if (field === 'rest') continue;
      const at = rest >= 0 && index > rest ? index + between - 1 : index;
      const word = words[at] ?? '';
      if (!field.holds(word)) return undefined;
      extracted[field.name === '' ? `$${at + 1}` : `$${field.name}`] = word;
    }
    return { extracted };
  };
}

/** `name`, `name = value`, `name = a* || name = b*` */
function fieldOf(scanner: Scanner): Field {
  const name = scanner.need(/[A-Za-z0-9_$-]+/y, 'a name').replace(/^\$/, '');
  scanner.skipSpace();
  if (!/^(!=|<|>|=)/.test(scanner.rest())) return { name, holds: () => true };
  const alternatives = [[compared(scanner)]];
  for (;;) {
    scanner.skipSpace();
    const joint = scanner.take(/&&|\|\|/y);
    if (joint === undefined) break;
    scanner.skipSpace();
    const again = scanner.take(/[A-Za-z0-9_$-]+(?=\s*(?:!=|<|>|=))/y);
    if (again !== undefined && again.replace(/^\$/, '') !== name)
      throw new PatternError(`A condition on '${again}' does not belong to the field '${name}'`);
    scanner.skipSpace();
    const next = compared(scanner);
    if (joint === '||') alternatives.push([next]);
    else alternatives.at(-1)?.push(next);
  }
  return { name, holds: (value) => alternatives.some((all) => all.every((holds) => holds(value))) };
}

function compared(scanner: Scanner): (value: string) => boolean {
  scanner.skipSpace();
  const operation = scanner.need(operator, 'an operator') as Operator;
  scanner.skipSpace();
  const value = scanner.take(quoted) ?? scanner.take(regex) ?? scanner.need(/[^\s,\]&|"%]+/y, 'a value');
  return comparison(operation, value);
}

/** Words between spaces; what stands in `[…]` or `"…"` is one word without them. */
function wordsOf(message: string): readonly string[] {
  const words: string[] = [];
  const word = /\s*(?:\[([^\]]*)\](?=\s|$)|"([^"]*)"(?=\s|$)|(\S+))/y;
  for (let found = word.exec(message); found !== null; found = word.exec(message))
    words.push(found[1] ?? found[2] ?? found[3] ?? '');
  return words;
}
