/**
 * Lifecycle policies: their text, and which images they take.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
 */
import type { Digest } from './digest.ts';
import { type ImageDetail, matchesWildcard } from './repository.ts';

export interface LifecycleRule {
  readonly rulePriority: number;
  readonly description?: string;
  readonly selection: {
    readonly tagStatus: 'tagged' | 'untagged' | 'any';
    readonly tagPrefixList?: readonly string[];
    readonly tagPatternList?: readonly string[];
    readonly storageClass?: 'standard' | 'archive';
    readonly countType: 'imageCountMoreThan' | 'sinceImagePushed' | 'sinceImagePulled' | 'sinceImageTransitioned';
    readonly countUnit?: 'days';
    readonly countNumber: number;
  };
  readonly action: { readonly type: 'expire' | 'transition'; readonly targetStorageClass?: 'archive' };
}

/** What happens to an image, and which rule says so. */
export interface LifecycleVerdict {
  readonly action: 'expire' | 'archive';
  readonly rulePriority: number;
}

/** The message says what is wrong with a policy's text. */
export class LifecyclePolicyError extends Error {
  override readonly name = 'LifecyclePolicyError';
}

const day = 24 * 3600 * 1000;
const ruleMembers = ['rulePriority', 'description', 'selection', 'action'];
const selectionMembers = [
  'tagStatus',
  'tagPrefixList',
  'tagPatternList',
  'storageClass',
  'countType',
  'countUnit',
  'countNumber',
];
const countTypes = ['imageCountMoreThan', 'sinceImagePushed', 'sinceImagePulled', 'sinceImageTransitioned'];
const mostWildcards = 4;
/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html */
const mostRules = 50;

/** @throws LifecyclePolicyError */
export function parseLifecyclePolicy(text: string): readonly LifecycleRule[] {
  const policy = objectIn(text);
  allowOnly(policy, ['rules']);
  if (policy.rules === undefined) throw missing('rules');
  if (!Array.isArray(policy.rules)) throw wrongType(policy.rules, 'array');
  if (policy.rules.length === 0)
    throw new LifecyclePolicyError('array is too short: must have at least 1 elements but instance has 0 elements');
  if (policy.rules.length > mostRules)
    throw new LifecyclePolicyError(
      `array is too long: must have at most ${mostRules} elements but instance has ${policy.rules.length} elements`,
    );
  const rules = policy.rules.map(parseRule).sort((one, other) => one.rulePriority - other.rulePriority);
  checkTogether(rules);
  return rules;
}

function parseRule(rule: unknown): LifecycleRule {
  if (!isObject(rule)) throw wrongType(rule, 'object');
  allowOnly(rule, ruleMembers);
  for (const name of ['rulePriority', 'selection', 'action']) if (rule[name] === undefined) throw missing(name);
  const { rulePriority, description, selection, action } = rule;
  positive(rulePriority);
  if (description !== undefined && typeof description !== 'string') throw wrongType(description, 'string');
  parseSelection(selection);
  parseAction(action, selection as LifecycleRule['selection']);
  return rule as unknown as LifecycleRule;
}

function parseSelection(selection: unknown): void {
  if (!isObject(selection)) throw wrongType(selection, 'object');
  allowOnly(selection, selectionMembers);
  for (const name of ['tagStatus', 'countType', 'countNumber']) if (selection[name] === undefined) throw missing(name);
  const { tagStatus, tagPrefixList, tagPatternList, countType, countUnit, countNumber, storageClass } = selection;
  oneOf(tagStatus, ['tagged', 'untagged', 'any']);
  oneOf(countType, countTypes);
  positive(countNumber);
  if (storageClass !== undefined) oneOf(storageClass, ['standard', 'archive']);
  const lists = [tagPrefixList, tagPatternList].filter((list) => list !== undefined);
  for (const list of lists)
    if (!Array.isArray(list) || list.length === 0 || !list.every((one) => typeof one === 'string' && one !== ''))
      throw wrongType(list, 'array');
  if (tagStatus === 'tagged' && lists.length !== 1)
    throw new LifecyclePolicyError(
      'tagPrefixList or tagPatternList must be specified, and not both, when tagStatus is tagged',
    );
  if (tagStatus !== 'tagged' && lists.length > 0)
    throw new LifecyclePolicyError('tagPrefixList and tagPatternList are allowed when tagStatus is tagged only');
  for (const pattern of (tagPatternList ?? []) as readonly string[])
    if (pattern.split('*').length - 1 > mostWildcards)
      throw new LifecyclePolicyError(`a tag pattern can have at most ${mostWildcards} wildcards`);
  if (countType === 'imageCountMoreThan' && countUnit !== undefined)
    throw new LifecyclePolicyError('countUnit is not allowed when countType is imageCountMoreThan');
  if (countType !== 'imageCountMoreThan') {
    if (countUnit === undefined) throw missing('countUnit');
    oneOf(countUnit, ['days']);
  }
  if (countType === 'sinceImageTransitioned' && storageClass !== 'archive')
    throw new LifecyclePolicyError('storageClass must be archive when countType is sinceImageTransitioned');
}

function parseAction(action: unknown, { storageClass }: LifecycleRule['selection']): void {
  if (!isObject(action)) throw wrongType(action, 'object');
  allowOnly(action, ['type', 'targetStorageClass']);
  if (action.type === undefined) throw missing('type');
  oneOf(action.type, ['expire', 'transition']);
  if (action.type === 'transition') {
    if (action.targetStorageClass === undefined) throw missing('targetStorageClass');
    oneOf(action.targetStorageClass, ['archive']);
    if (storageClass === 'archive')
      throw new LifecyclePolicyError('images of the storage class archive cannot be transitioned to archive');
  } else if (action.targetStorageClass !== undefined)
    throw new LifecyclePolicyError('targetStorageClass is allowed when the action is transition only');
}

function checkTogether(rules: readonly LifecycleRule[]): void {
  if (new Set(rules.map(({ rulePriority }) => rulePriority)).size < rules.length)
    throw new LifecyclePolicyError('rulePriority must be unique across all rules');
  const key = ({ selection }: LifecycleRule) => selection.storageClass ?? 'standard';
  for (const storage of ['standard', 'archive']) {
    const own = rules.filter((rule) => key(rule) === storage);
    const untagged = own.filter(({ selection }) => selection.tagStatus === 'untagged');
    if (untagged.length > 2 || new Set(untagged.map(({ action }) => action.type)).size < untagged.length)
      throw new LifecyclePolicyError('only one rule may select untagged images');
    const any = own.filter(({ selection }) => selection.tagStatus === 'any');
    const last = own.at(-1)?.rulePriority ?? 0;
    if (any.some(({ rulePriority, action }) => rulePriority < last && action.type === 'expire'))
      throw new LifecyclePolicyError('a rule that selects any images must have the highest rulePriority');
  }
}

/**
 * Every rule sees all images that its selection names; one that a rule of a higher priority names is not taken by it.
 * Images that an index names, and those that are about another image, go with these only.
 * @param children digests that indexes name
 */
export function evaluateLifecyclePolicy(
  rules: readonly LifecycleRule[],
  images: readonly ImageDetail[],
  children: ReadonlySet<Digest>,
  now: number,
): ReadonlyMap<Digest, LifecycleVerdict> {
  const verdicts = new Map<Digest, LifecycleVerdict>();
  const claimed = new Set<Digest>();
  const free = images
    .filter(({ digest, subject }) => subject === undefined && !children.has(digest))
    .sort((one, other) => other.pushedAt - one.pushedAt || (one.digest < other.digest ? -1 : 1));
  for (const { rulePriority, selection, action } of [...rules].sort((a, b) => a.rulePriority - b.rulePriority)) {
    const selected = free.filter((image) => isSelected(image, selection));
    for (const { digest } of overdue(selected, selection, now))
      if (!claimed.has(digest))
        verdicts.set(digest, { action: action.type === 'expire' ? 'expire' : 'archive', rulePriority });
    for (const { digest } of selected) claimed.add(digest);
  }
  return verdicts;
}

function isSelected({ tags, storage }: ImageDetail, selection: LifecycleRule['selection']): boolean {
  const { tagStatus, tagPrefixList, tagPatternList, storageClass = 'standard' } = selection;
  if ((storage?.class === 'ARCHIVE') !== (storageClass === 'archive')) return false;
  switch (tagStatus) {
    case 'any':
      return true;
    case 'untagged':
      return tags.length === 0;
    case 'tagged':
      return tagPatternList
        ? tagPatternList.every((pattern) => tags.some((tag) => matchesWildcard(pattern, tag)))
        : (tagPrefixList ?? []).every((prefix) => tags.some((tag) => tag.startsWith(prefix)));
  }
}

/** @param images the newest first */
function overdue(
  images: readonly ImageDetail[],
  { countType, countNumber }: LifecycleRule['selection'],
  now: number,
): readonly ImageDetail[] {
  const since = now - countNumber * day;
  switch (countType) {
    case 'imageCountMoreThan':
      return images.slice(countNumber);
    case 'sinceImagePushed':
      return images.filter(({ pushedAt }) => pushedAt <= since);
    case 'sinceImagePulled':
      return images.filter(
        ({ pushedAt, pulledAt, storage }) => Math.max(pushedAt, pulledAt ?? 0, storage?.activatedAt ?? 0) <= since,
      );
    case 'sinceImageTransitioned':
      return images.filter(({ storage }) => (storage?.archivedAt ?? Number.POSITIVE_INFINITY) <= since);
  }
}

function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    if (isObject(json)) return json;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new LifecyclePolicyError('Could not map policyString into LifecyclePolicy.');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function allowOnly(object: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  const others = Object.keys(object).filter((name) => !names.includes(name));
  if (others.length > 0)
    throw new LifecyclePolicyError(
      `object instance has properties which are not allowed by the schema: ${JSON.stringify(others)}`,
    );
}

function missing(name: string): LifecyclePolicyError {
  return new LifecyclePolicyError(`object has missing required properties (["${name}"])`);
}

function positive(value: unknown): void {
  if (!Number.isSafeInteger(value)) throw wrongType(value, 'integer');
  if ((value as number) < 1)
    throw new LifecyclePolicyError(`numeric instance is lower than the required minimum (minimum: 1, found: ${value})`);
}

function oneOf(value: unknown, values: readonly string[]): void {
  if (!values.includes(value as string))
    throw new LifecyclePolicyError(
      `instance value (${JSON.stringify(value)}) not found in enum (possible values: ${JSON.stringify(values)})`,
    );
}

function wrongType(value: unknown, wanted: string): LifecyclePolicyError {
  const type = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  return new LifecyclePolicyError(
    `instance type (${type}) does not match any allowed primitive type (allowed: ["${wanted}"])`,
  );
}
