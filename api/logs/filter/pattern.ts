/**
 * The filter pattern language of CloudWatch Logs: terms, `{ JSON }` and `[space-delimited]` patterns.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
import { parseDelimitedPattern } from './delimited-pattern.ts';
import { parseJsonPattern } from './json-pattern.ts';
import { parseTermPattern } from './term-pattern.ts';

export interface Match {
  /** What TestMetricFilter tells of a matching message, by the pattern's names. */
  readonly extracted: Readonly<Record<string, string>>;
}

/** undefined: the message does not match. */
export type MessageFilter = (message: string) => Match | undefined;

/** @throws PatternError */
export function parseFilterPattern(text: string): MessageFilter {
  const pattern = text.trim();
  if (pattern === '') return () => ({ extracted: {} });
  if (pattern.startsWith('{')) return parseJsonPattern(pattern);
  if (pattern.startsWith('[')) return parseDelimitedPattern(pattern);
  return parseTermPattern(pattern);
}
