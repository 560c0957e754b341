/** GetRandomPassword. */
import { randomInt } from 'node:crypto';
import type { GetRandomPasswordRequest } from '@aws-sdk/client-secrets-manager';
import { invalidParameter } from './errors.ts';

const usualLength = 32;

export function randomPassword(input: GetRandomPasswordRequest): string {
  const {
    PasswordLength: length = usualLength,
    ExcludeCharacters: excluded = '',
    RequireEachIncludedType = true,
  } = input;
  const kinds = [
    input.ExcludeLowercase ? '' : 'abcdefghijklmnopqrstuvwxyz',
    input.ExcludeUppercase ? '' : 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    input.ExcludeNumbers ? '' : '0123456789',
    input.ExcludePunctuation ? '' : '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
    input.IncludeSpace ? ' ' : '',
  ]
    .map((kind) => [...kind].filter((character) => !excluded.includes(character)))
    .filter((kind) => kind.length > 0);
  const all = kinds.flat();
  if (all.length === 0) throw invalidParameter('The exclusions leave no characters for the password.');
  const required = RequireEachIncludedType ? kinds : [];
  if (required.length > length) throw invalidParameter('The password length is too short based on the required types.');
  const characters = [...required.map(oneOf), ...Array.from({ length: length - required.length }, () => oneOf(all))];
  return shuffled(characters).join('');
}

function oneOf(characters: readonly string[]): string {
  return characters[randomInt(characters.length)] ?? '';
}

function shuffled(items: readonly string[]): readonly string[] {
  const result = [...items];
  for (let index = result.length - 1; index > 0; index -= 1) {
    const other = randomInt(index + 1);
    [result[index], result[other]] = [result[other] ?? '', result[index] ?? ''];
  }
  return result;
}
