/** Tags of parameters: the only resources of Systems Manager that there are here. */
import { InvalidResourceId, InvalidResourceType, type Tag, TooManyTagsError } from '@aws-sdk/client-ssm';
import type { Scope } from '../../core/scope.ts';
import { parameterName } from '../../core/secrets/parameter-lookup.ts';
import type { SsmDeps, SsmHandlers } from './deps.ts';
import { invalid } from './errors.ts';

const mostTags = 50;

interface Resource {
  readonly ResourceType: string | undefined;
  readonly ResourceId: string | undefined;
}

export function tagHandlers(deps: SsmDeps) {
  const { parameters } = deps;
  return {
    AddTagsToResource: async (input, { caller }) => {
      const added = validTags(input.Tags);
      await edit(deps, caller, input, (tags) => limitedTags(merged(tags, added)));
      return {};
    },

    RemoveTagsFromResource: async (input, { caller }) => {
      const keys = input.TagKeys ?? [];
      await edit(deps, caller, input, (tags) => tags.filter(({ Key = '' }) => !keys.includes(Key)));
      return {};
    },

    ListTagsForResource: async (input, { caller }) => {
      const [parameter] = await parameters.get(caller, [await resourceName(deps, caller, input)]);
      if (!parameter) throw invalidId();
      return { TagList: [...parameter.tags] };
    },
  } satisfies SsmHandlers;
}

async function edit(
  deps: SsmDeps,
  scope: Scope,
  resource: Resource,
  change: (tags: readonly Tag[]) => readonly Tag[],
): Promise<void> {
  const name = await resourceName(deps, scope, resource);
  const written = await deps.parameters.write(
    scope,
    name,
    (parameter) => parameter && { parameter: { ...parameter, tags: change(parameter.tags) } },
  );
  if (!written) throw invalidId();
}

async function resourceName(
  { parameters }: SsmDeps,
  scope: Scope,
  { ResourceType: type = '', ResourceId: id = '' }: Resource,
): Promise<string> {
  if (type !== 'Parameter')
    throw new InvalidResourceType({
      message: `Longshore does not implement tags of the resource type ${type} yet.`,
      $metadata: {},
    });
  const name = await parameterName(parameters, scope, id);
  if (name === undefined) throw invalidId();
  return name;
}

function invalidId(): InvalidResourceId {
  return new InvalidResourceId({
    message: "The resource ID isn't valid. Verify that you entered the correct ID and try again.",
    $metadata: {},
  });
}

export function validTags(tags: readonly Tag[] = []): readonly Tag[] {
  for (const { Key = '' } of tags)
    if (Key.toLowerCase().startsWith('aws:')) throw invalid(`Tag keys that start with 'aws:' are reserved: ${Key}`);
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length) throw invalid('Duplicate tag keys are not allowed.');
  return tags;
}

export function limitedTags(tags: readonly Tag[]): readonly Tag[] {
  if (tags.length > mostTags)
    throw new TooManyTagsError({
      message: `A resource can have at most ${mostTags} tags.`,
      $metadata: {},
    });
  return tags;
}

function merged(tags: readonly Tag[], added: readonly Tag[]): readonly Tag[] {
  const keys = new Set(added.map(({ Key }) => Key));
  return [...tags.filter(({ Key }) => !keys.has(Key)), ...added];
}
