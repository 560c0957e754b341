/** How ECS Exec takes a command line apart. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CommandLineError, splitCommand } from '../../core/exec/split-command.ts';

test.each([
  ['/bin/sh', ['/bin/sh']],
  ['  ls   -la\t/tmp\n', ['ls', '-la', '/tmp']],
  [`sh -c 'echo "$HOME"; exit'`, ['sh', '-c', 'echo "$HOME"; exit']],
  [String.raw`echo "a \"b\" \\ c" d\ e`, ['echo', 'a "b" \\ c', 'd e']],
  [String.raw`'a\b'`, [String.raw`a\b`]],
  [`a'b c'"d e"f`, ['ab cd ef']],
  [`'' ""`, ['', '']],
  ['ls # all of it', ['ls']],
  ['ls # one\n-la a#b', ['ls', '-la', 'a#b']],
  ['', []],
])('%s', (line, words) => {
  expect(splitCommand(line)).toEqual(words);
});

test.each(["echo 'open", 'echo "open', 'echo \\'])('%s is refused', (line) => {
  expect(() => splitCommand(line)).toThrow(CommandLineError);
});

test('quoted words stay what they are', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 5 }), (words) => {
      const line = words.map((word) => `'${word.replaceAll("'", `'"'"'`)}'`).join(' ');
      expect(splitCommand(line)).toEqual(words);
    }),
  );
});
