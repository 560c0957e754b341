/** What ECS accepts as a resource's tags. */
import type { Tag } from '@aws-sdk/client-ecs';
import { runtimeChoices, runtimeTag } from '../../core/runtime-choice.ts';
import { invalidParameter } from './errors.ts';

export const mostTags = 50;

const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/**
 * @returns the tags with a value each: an absent one is empty
 * @throws InvalidParameterException naming the first tag that breaks a rule
 */
export function validTags(tags: readonly Tag[] | undefined): readonly Tag[] {
  const seen = new Set<string>();
  const valid = (tags ?? []).map(({ key, value = '' }) => {
    if (key === undefined || key === '') throw invalidParameter('Tag key must not be null or empty.');
    if (key.length > 128) throw invalidParameter('Tag keys can have at most 128 characters.');
    if (value.length > 256) throw invalidParameter(`The value of tag '${key}' can have at most 256 characters.`);
    if (!allowed.test(key) || !allowed.test(value))
      throw invalidParameter(
        `Tag '${key}' contains invalid characters. Letters, numbers, spaces and _ . : / = + - @ are allowed.`,
      );
    if (isReserved(key)) throw invalidParameter(`Tag keys that start with 'aws:' are reserved: ${key}`);
    if (seen.has(key)) throw invalidParameter(`Duplicate tag key: ${key}`);
    seen.add(key);
    return { key, value };
  });
  if (valid.length > mostTags) throw invalidParameter(`A resource can have at most ${mostTags} tags.`);
  return valid;
}

/**
 * A cluster's tags, of which one means something to Longshore. Keys that look like one of its own are refused, so that
 * a slip of the pen does not let tasks run where they should not.
 * @throws InvalidParameterException naming the tag
 */
export function validClusterTags(tags: readonly Tag[] | undefined): readonly Tag[] {
  const valid = validTags(tags);
  for (const { key = '', value = '' } of valid) {
    if (!key.toLowerCase().startsWith('longshore:')) continue;
    if (key !== runtimeTag)
      throw invalidParameter(`Tag keys that start with 'longshore:' are reserved: ${key}. There is ${runtimeTag}.`);
    if (!runtimeChoices.includes(value))
      throw invalidParameter(`The value of tag '${key}' must be one of ${runtimeChoices.join(', ')}.`);
  }
  return valid;
}

/** Tags that AWS itself sets; they cannot be written by a caller and do not count towards the limit. */
export function isReserved(key: string): boolean {
  return key.toLowerCase().startsWith('aws:');
}

/** `added` wins over what a resource has under the same key. */
export function mergeTags(tags: readonly Tag[], added: readonly Tag[]): readonly Tag[] {
  const keys = new Set(added.map(({ key }) => key));
  return [...tags.filter(({ key }) => !keys.has(key)), ...added];
}
