/** Tags of log groups, by ARN and in the older way by name. */
import { TooManyTagsException } from '@aws-sdk/client-cloudwatch-logs';
import type { Scope } from '../../core/scope.ts';
import type { LogsDeps, LogsHandlers } from './deps.ts';
import { invalid, noGroup } from './errors.ts';
import { findGroup } from './names.ts';

const mostTags = 50;

type Tags = Readonly<Record<string, string>>;

/** @throws InvalidParameterException for keys that only AWS sets */
export function validTags(tags: Tags = {}): Tags {
  const reserved = Object.keys(tags).find((key) => key.toLowerCase().startsWith('aws:'));
  if (reserved !== undefined) throw invalid(`Tag keys that start with "aws:" are reserved: ${reserved}`);
  return tags;
}

export function tagHandlers({ store }: LogsDeps) {
  const find = (scope: Scope, input: { readonly logGroupName?: string; readonly resourceArn?: string }) =>
    findGroup(store, scope, { logGroupIdentifier: input.logGroupName ?? input.resourceArn ?? '' });

  async function change(scope: Scope, input: Parameters<typeof find>[1], next: (tags: Tags) => Tags) {
    const changed = await store.catalog.changeGroup(find(scope, input).id, (group) => {
      const tags = next(group.tags);
      if (Object.keys(tags).length > mostTags)
        throw new TooManyTagsException({
          message: `A resource can have at most ${mostTags} tags.`,
          resourceName: group.name,
          $metadata: {},
        });
      return { ...group, tags };
    });
    if (!changed) throw noGroup();
    return {};
  }

  const without = (names: readonly string[]) => (tags: Tags) =>
    Object.fromEntries(Object.entries(tags).filter(([name]) => !names.includes(name)));

  return {
    TagResource: async (input, { caller }) =>
      await change(caller, input, (tags) => ({ ...tags, ...validTags(input.tags) })),
    UntagResource: async (input, { caller }) => await change(caller, input, without(input.tagKeys ?? [])),
    ListTagsForResource: async (input, { caller }) => ({ tags: { ...find(caller, input).tags } }),
    TagLogGroup: async (input, { caller }) =>
      await change(caller, input, (tags) => ({ ...tags, ...validTags(input.tags) })),
    UntagLogGroup: async (input, { caller }) => await change(caller, input, without(input.tags ?? [])),
    ListTagsLogGroup: async (input, { caller }) => ({ tags: { ...find(caller, input).tags } }),
  } satisfies LogsHandlers;
}
