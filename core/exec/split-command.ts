/** A command line as words, by the rules of ECS Exec's agent: quotes, backslashes and comments of a shell, nothing else. */

export class CommandLineError extends Error {
  override readonly name = 'CommandLineError';
}

/**
 * Single quotes keep everything, double quotes all but `\`, a backslash the character after it; `#` at the start of a
 * word opens a comment. Variables, globs and pipes mean nothing: they are a shell's (`sh -c '…'`).
 * @throws CommandLineError for a quote or backslash that nothing follows
 */
export function splitCommand(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  const add = (text: string) => {
    word = (word ?? '') + text;
  };
  for (let index = 0; index < line.length; index += 1) {
    const character = line.charAt(index);
    if (/[ \t\r\n]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === '#' && word === undefined) {
      const end = line.indexOf('\n', index);
      if (end < 0) break;
      index = end;
    } else if (character === '\\') {
      index += 1;
      if (index >= line.length) throw new CommandLineError('a backslash has nothing after it');
      add(line.charAt(index));
    } else if (character === "'" || character === '"') {
      const [text, end] = quoted(line, index);
      add(text);
      index = end;
    } else add(character);
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** What the quotes that open at `start` hold, and where they close. */
function quoted(line: string, start: number): readonly [text: string, end: number] {
  const quote = line.charAt(start);
  let text = '';
  for (let index = start + 1; index < line.length; index += 1) {
    const character = line.charAt(index);
    if (character === quote) return [text, index];
    if (character === '\\' && quote === '"') {
      index += 1;
      text += line.charAt(index);
    } else text += character;
  }
  throw new CommandLineError('a quote is not closed');
}
