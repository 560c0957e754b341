/** `ERROR "exact phrase" -debug`, `?ERROR ?WARN`, `%regular expression%`. */
import type { MessageFilter } from './pattern.ts';
import { PatternError, parseRegex, quoted, regex, scan, unquote } from './scanner.ts';

type Holds = (message: string) => boolean;

export function parseTermPattern(text: string): MessageFilter {
  const scanner = scan(text);
  const needed: Holds[] = [];
  const optional: Holds[] = [];
  const excluded: Holds[] = [];
  for (;;) {
    scanner.skipSpace();
    if (scanner.atEnd()) break;
    const sign = scanner.take(/[?-]/y);
    const holds = term();
    (sign === '?' ? optional : sign === '-' ? excluded : needed).push(holds);
  }

  function term(): Holds {
    const phrase = scanner.take(quoted);
    if (phrase !== undefined) {
      const words = unquote(phrase);
      return (message) => message.includes(words);
    }
    const expression = scanner.take(regex);
    if (expression !== undefined) {
      const compiled = parseRegex(expression);
      return (message) => compiled.test(message);
    }
    const word = scanner.need(/[^\s"%?-][^\s"]*/y, 'a term');
    if (!/^[\p{L}\p{N}_.#=@/;,:*+!-]+$/u.test(word)) throw new PatternError(`Invalid character(s) in term '${word}'`);
    return (message) => message.includes(word);
  }

  // CloudWatch Logs takes no notice of `?` beside terms without it.
  const alternatives = needed.length + excluded.length === 0 ? optional : [];
  return (message) => {
    const matches =
      needed.every((holds) => holds(message)) &&
      !excluded.some((holds) => holds(message)) &&
      (alternatives.length === 0 || alternatives.some((holds) => holds(message)));
    return matches ? { extracted: {} } : undefined;
  };
}
