/**
 * Filters of ListSecrets and BatchGetSecretValue.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_search-secret.html
 */
import type { Filter } from '@aws-sdk/client-secrets-manager';
import type { Scope } from '../../core/scope.ts';
import type { Secret } from '../../core/secrets/secret.ts';
import { invalidParameter } from './errors.ts';

type Test = (secret: Secret) => boolean;

/** Texts of a secret that a filter compares, and how. */
interface Search {
  readonly texts: (secret: Secret, scope: Scope) => readonly string[];
  readonly finds: (text: string, value: string) => boolean;
}

const beginning = (text: string, value: string) => text.startsWith(value);

const searches: Readonly<Record<string, Search>> = {
  name: { texts: ({ name }) => [name], finds: beginning },
  description: { texts: ({ description = '' }) => [description], finds: wordBeginning },
  'tag-key': { texts: ({ tags }) => tags.map(({ Key = '' }) => Key), finds: beginning },
  'tag-value': { texts: ({ tags }) => tags.map(({ Value = '' }) => Value), finds: beginning },
  // Nothing here is replicated or owned by another service.
  'primary-region': { texts: () => [], finds: beginning },
  'owning-service': { texts: () => [], finds: beginning },
  all: {
    texts: ({ name, description = '', tags }) => [
      [name, description, ...tags.flatMap(({ Key = '', Value = '' }) => [Key, Value])].join(' '),
    ],
    finds: (text, value) => wordsOf(value).every((word) => wordBeginning(text, word)),
  },
};

/** All filters must hold, and of each one's values any; `!` before a value turns it round. */
export function filterOf(scope: Scope, filters: readonly Filter[] = []): Test {
  const tests = filters.map((filter) => testOf(scope, filter));
  return (secret) => tests.every((test) => test(secret));
}

function testOf(scope: Scope, { Key, Values = [] }: Filter): Test {
  const search = Key && searches[Key];
  if (!search || Values.length === 0) throw invalidParameter('Each filter must have a key and at least one value.');
  return (secret) => {
    const texts = search.texts(secret, scope);
    return Values.some((value) =>
      value.startsWith('!')
        ? !texts.some((text) => search.finds(text, value.slice(1)))
        : texts.some((text) => search.finds(text, value)),
    );
  };
}

function wordBeginning(text: string, value: string): boolean {
  const wanted = value.toLowerCase();
  return text.toLowerCase().startsWith(wanted) || wordsOf(text).some((word) => word.startsWith(wanted));
}

function wordsOf(text: string): readonly string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}
