/** Tags of secrets. */
import type { Tag } from '@aws-sdk/client-secrets-manager';
import type { SecretsManagerDeps, SecretsManagerHandlers } from './deps.ts';
import { invalidParameter } from './errors.ts';
import { changeSecret } from './find.ts';

const mostTags = 50;

export function tagHandlers(deps: SecretsManagerDeps) {
  return {
    TagResource: async ({ SecretId, Tags }, { caller }) => {
      const added = validTags(Tags);
      const keys = new Set(added.map(({ Key }) => Key));
      await changeSecret(deps, caller, SecretId, (secret) => ({
        secret: { ...secret, tags: limited([...secret.tags.filter(({ Key }) => !keys.has(Key)), ...added]) },
      }));
      return {};
    },

    UntagResource: async ({ SecretId, TagKeys = [] }, { caller }) => {
      await changeSecret(deps, caller, SecretId, (secret) => ({
        secret: { ...secret, tags: secret.tags.filter(({ Key = '' }) => !TagKeys.includes(Key)) },
      }));
      return {};
    },
  } satisfies SecretsManagerHandlers;
}

export function validTags(tags: readonly Tag[] = []): readonly Tag[] {
  for (const { Key = '' } of tags) {
    if (Key === '') throw invalidParameter('A tag must have a key.');
    if (Key.toLowerCase().startsWith('aws:'))
      throw invalidParameter(`Tag keys that start with 'aws:' are reserved: ${Key}`);
  }
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length)
    throw invalidParameter('Duplicate tag keys are not allowed.');
  return limited(tags);
}

function limited(tags: readonly Tag[]): readonly Tag[] {
  if (tags.length > mostTags) throw invalidParameter(`A secret can have at most ${mostTags} tags.`);
  return tags;
}
