/** What a request's values may be, in the words that AWS answers with when they are not. */
import { AwsError } from '../errors.ts';
import type { Constraint } from './constraint-table.ts';

/** Deeper requests are refused: no AWS model comes near, and recursion must not exhaust the stack. */
const greatestDepth = 128;
/** Problems told in one answer. */
const mostProblems = 20;
/** Characters of a refused value that come back in the answer. */
const mostShown = 1024;

/** One pass over one request: where it is, and what it has found. */
export interface Walk {
  /** Member names, and list positions as numbers from 0. */
  readonly path: (string | number)[];
  readonly problems: string[];
}

export function startWalk(): Walk {
  return { path: [], problems: [] };
}

export function descend(walk: Walk, step: string | number): void {
  if (walk.path.push(step) > greatestDepth) throw serializationError('The request is nested too deeply.');
}

/** `2 validation errors detected: …; …` */
export function describeProblems(problems: readonly string[]): string {
  const count = problems.length === 1 ? '1 validation error' : `${problems.length} validation errors`;
  return `${count} detected: ${problems.slice(0, mostProblems).join('; ')}`;
}

export function reportMissing(walk: Walk, member: string): void {
  const at = where([...walk.path, member]);
  walk.problems.push(`Value null at '${at}' failed to satisfy constraint: Member must not be null`);
}

/** @param sensitive the value is not repeated in the answer */
export function reportProblem(walk: Walk, value: unknown, constraint: string, sensitive: boolean): void {
  const shown = sensitive ? 'Value' : `Value '${show(value).slice(0, mostShown)}'`;
  walk.problems.push(`${shown} at '${where(walk.path)}' failed to satisfy constraint: ${constraint}`);
}

export function serializationError(message: string): AwsError {
  return new AwsError('SerializationException', message);
}

export type Expected = 'String' | 'Integer' | 'Long' | 'Double' | 'Boolean' | 'Timestamp' | 'Blob' | 'BigInteger';

export function wrongScalar(value: unknown, expected: Expected): AwsError {
  if (Array.isArray(value)) return unexpectedList();
  if (typeof value === 'object') return unexpectedMap();
  return serializationError(`${token(value)} cannot be converted to ${expected}`);
}

export function wrongList(value: unknown): AwsError {
  return typeof value === 'object' ? unexpectedMap() : serializationError('Expected list or null');
}

export function wrongMap(value: unknown): AwsError {
  return Array.isArray(value) ? unexpectedList() : serializationError('Expected map or null');
}

export function wrongStructure(value: unknown): AwsError {
  return Array.isArray(value) ? unexpectedList() : serializationError('Expected null');
}

/** One demand on a value: whether it holds, and AWS's sentence for when it does not. */
export interface Demand {
  readonly text: string;
  readonly holds: (value: unknown) => boolean;
}

/** Demands on lengths, values and texts; the integer kind is part of the type and checked there. */
export function demandsOf(constraint: Constraint): readonly Demand[] {
  const { enum: members, min, max, pattern } = constraint;
  const demands: Demand[] = [];
  if (members !== undefined) {
    const set: ReadonlySet<unknown> = new Set(members);
    demands.push({
      text: `Member must satisfy enum value set: [${members.join(', ')}]`,
      holds: (value) => set.has(value),
    });
  }
  if (max !== undefined)
    demands.push({
      text: `Member must have ${boundWord(constraint)} less than or equal to ${max}`,
      holds: (value) => measure(value) <= max,
    });
  if (min !== undefined)
    demands.push({
      text: `Member must have ${boundWord(constraint)} greater than or equal to ${min}`,
      holds: (value) => measure(value) >= min,
    });
  if (pattern !== undefined) {
    const expression = wholeText(pattern);
    demands.push({
      text: `Member must satisfy regular expression pattern: ${pattern}`,
      holds: (value) => typeof value === 'string' && expression.test(value),
    });
  }
  return demands;
}

/** The models' patterns are Java's, which may escape what needs no escape; JavaScript's Unicode mode refuses that. */
function wholeText(pattern: string): RegExp {
  const plain = pattern.replace(/\\(.)/gsu, (whole, character) =>
    /[!=@:;,#%&<>~"'` ]/.test(character) ? character : whole,
  );
  try {
    return new RegExp(`^(?:${plain})$`, 'u');
  } catch (error) {
    // Java lets a dash be escaped anywhere.
    if (!(error instanceof SyntaxError)) throw error;
    return new RegExp(`^(?:${plain})$`);
  }
}

function boundWord(constraint: Constraint): string {
  return constraint.bound === 'value' ? 'value' : 'length';
}

const surrogatePairs = /[\ud800-\udbff][\udc00-\udfff]/g;

/** A number's value; the length of anything else, strings in characters as Smithy counts them. */
function measure(value: unknown): number {
  if (typeof value === 'number') return value;
  // A character beyond the first 65 536 is a pair in JavaScript; lone halves count as they are.
  if (typeof value === 'string') return value.length - (value.match(surrogatePairs)?.length ?? 0);
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

/** `tags.1.member.key`, as AWS counts. */
function where(path: readonly (string | number)[]): string {
  return path.map((step) => (typeof step === 'number' ? `${step + 1}.member` : step)).join('.');
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.slice(0, 100).map(show).join(', ')}]`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function token(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
  return typeof value === 'number' ? 'NUMBER_VALUE' : 'STRING_VALUE';
}

function unexpectedList(): AwsError {
  return serializationError('Start of list found where not expected');
}

function unexpectedMap(): AwsError {
  return serializationError('Start of structure or map found where not expected.');
}
