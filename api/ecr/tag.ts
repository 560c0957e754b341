/** Tags of repositories. */
import { InvalidTagParameterException, type Tag, TooManyTagsException } from '@aws-sdk/client-ecr';
import { parseRepositoryArn } from '../../core/registry/repository.ts';
import type { Caller } from '../operation.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { invalidParameter } from './errors.ts';
import { changeRepository, findRepository } from './find.ts';

const mostTags = 50;

export function tagHandlers(deps: EcrDeps) {
  return {
    TagResource: async ({ resourceArn, tags }, { caller }) => {
      const added = validTags(tags);
      const keys = new Set(added.map(({ Key }) => Key));
      await changeRepository(deps, caller, requestOf(caller, resourceArn), 'TagResource', (repository) => ({
        ...repository,
        tags: limited([...repository.tags.filter(({ Key }) => !keys.has(Key)), ...added]),
      }));
      return {};
    },

    UntagResource: async ({ resourceArn, tagKeys = [] }, { caller }) => {
      await changeRepository(deps, caller, requestOf(caller, resourceArn), 'UntagResource', (repository) => ({
        ...repository,
        tags: repository.tags.filter(({ Key = '' }) => !tagKeys.includes(Key)),
      }));
      return {};
    },

    ListTagsForResource: async ({ resourceArn }, { caller }) => {
      const request = requestOf(caller, resourceArn);
      const { repository } = await findRepository(deps, caller, request, 'ListTagsForResource');
      return { tags: [...repository.tags] };
    },
  } satisfies EcrHandlers;
}

function requestOf(caller: Caller, arn = '') {
  const named = parseRepositoryArn(arn);
  if (!named || named.region !== caller.region)
    throw invalidParameter('resourceArn', 'Invalid ARN: it is not the ARN of a repository in this region');
  return { registryId: named.accountId, repositoryName: named.name };
}

export function validTags(tags: readonly Tag[] = []): readonly Tag[] {
  for (const { Key = '', Value = '' } of tags) {
    if (Key.length < 1 || Key.length > 128 || Value.length > 256)
      throw invalidTag('Tag keys have 1 to 128 characters, tag values at most 256.');
    if (Key.toLowerCase().startsWith('aws:')) throw invalidTag(`Tag keys that start with 'aws:' are reserved: ${Key}`);
  }
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length) throw invalidTag('Duplicate tag keys are not allowed.');
  return limited(tags);
}

function limited(tags: readonly Tag[]): readonly Tag[] {
  if (tags.length > mostTags)
    throw new TooManyTagsException({ message: `A repository can have at most ${mostTags} tags.`, $metadata: {} });
  return tags;
}

function invalidTag(message: string): InvalidTagParameterException {
  return new InvalidTagParameterException({ message, $metadata: {} });
}
