/** `awslogs-datetime-format`: a strftime format as the regular expression that finds such a time in a line. */
import { compileExpression, type Expression } from '../../core/expression.ts';

/** https://docs.docker.com/engine/logging/drivers/awslogs/#awslogs-datetime-format */
const parts: Readonly<Record<string, string>> = {
  A: '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)',
  a: '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)',
  B: '(?:January|February|March|April|May|June|July|August|September|October|November|December)',
  b: '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)',
  d: '(?:0?[1-9]|[12]\\d|3[01])',
  f: '\\d{6}',
  H: '(?:0?\\d|1\\d|2[0-4])',
  I: '(?:0?[1-9]|1[012])',
  j: '(?:00[1-9]|0[1-9]\\d|[12]\\d\\d|3[0-5]\\d|36[0-6])',
  L: '\\.\\d{3}',
  M: '(?:0?\\d|[1-5]\\d)',
  m: '(?:0?[1-9]|1[012])',
  p: '[AP]M',
  S: '(?:0?\\d|[1-5]\\d)',
  U: '(?:0?\\d|[1-4]\\d|5[0-3])',
  w: '[0-6]',
  Y: '\\d{4}',
  y: '\\d{2}',
  Z: '[A-Z]{1,4}T',
  z: '[+-]\\d{4}',
  '%': '%',
};

/** @throws Error for a format that is none */
export function datetimePattern(format: string): Expression {
  const pattern = format.replace(/%(.?)|[^%]/gs, (text, letter?: string) => {
    if (letter === undefined) return text.replace(/[.*+?^${}()|[\]\\]/, '\\$&');
    const part = parts[letter];
    if (part === undefined) throw new Error(`%${letter} is no part of a time`);
    return part;
  });
  return compileExpression(pattern);
}
