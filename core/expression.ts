/**
 * Regular expressions that users write. The syntax is RE2's, as with AWS's own services and Docker's log drivers, and no
 * expression takes longer than its length times the text's: one that backtracks could stop a process for hours.
 */
import { RE2JS } from 're2js';

export interface Expression {
  /** Whether it is found anywhere in the text. */
  test(text: string): boolean;
}

/** @throws Error that says what is wrong, in the words of Go's regexp package */
export function compileExpression(pattern: string): Expression {
  const compiled = RE2JS.compile(pattern);
  return { test: (text) => compiled.test(text) };
}
