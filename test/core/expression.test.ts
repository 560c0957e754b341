import { expect, test } from 'vitest';
import { compileExpression } from '../../core/expression.ts';

test.each([
  '.*.*.*.*.*.*.*b',
  'x*x*x*x*x*b',
  '(x+)+b',
  '(x|x)*b',
])('%s takes no time on what it is not in', (pattern) => {
  expect(compileExpression(pattern).test('x'.repeat(100_000))).toBe(false);
});

test.each([
  ['(', 'missing closing )'],
  ['a(?=b)', 'invalid or unsupported Perl syntax'],
  ['(a{1,1000}){1,1000}', 'expression too large'],
])('%s is refused', (pattern, why) => {
  expect(() => compileExpression(pattern)).toThrow(why);
});

test('flags, classes and anchors are as in Go', () => {
  expect(compileExpression('(?i)^error').test('ERROR: x')).toBe(true);
  expect(compileExpression('\\p{Lu}').test('ä')).toBe(false);
  expect(compileExpression('[[:digit:]]+$').test('a 12')).toBe(true);
});
