/** The value in a request, and new versions made of it. */

import type { Scope } from '../../core/scope.ts';
import { type Secret, versionOf, withVersion } from '../../core/secrets/secret.ts';
import type { SecretChange } from '../../core/store/secret-store.ts';
import type { SecretsManagerDeps } from './deps.ts';
import { invalidParameter, resourceExists } from './errors.ts';

/** Bytes of a value. */
const longest = 65_536;

export interface NewValue {
  readonly kind: 'string' | 'binary';
  readonly bytes: Uint8Array;
}

/** undefined: the request has none. */
export function newValue(input: {
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: Uint8Array | undefined;
}): NewValue | undefined {
  const { SecretString: text, SecretBinary: binary } = input;
  if (text !== undefined && binary !== undefined)
    throw invalidParameter(
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  if (text === undefined && binary === undefined) return undefined;
  const bytes = binary ?? Buffer.from(text ?? '');
  if (bytes.length > longest) throw invalidParameter(`The secret value is longer than ${longest} bytes.`);
  return { kind: binary === undefined ? 'string' : 'binary', bytes };
}

/**
 * A new version; asked for again with the same value it is there already (undefined).
 * @throws ResourceExistsException when the id has another value
 */
export async function newVersion(
  { secrets, clock }: SecretsManagerDeps,
  scope: Scope,
  secret: Secret,
  { id, value, stages }: { readonly id: string; readonly value: NewValue; readonly stages: readonly string[] },
): Promise<SecretChange | undefined> {
  if (versionOf(secret, id)) {
    if (await holds({ secrets }, scope, secret, id, value)) return undefined;
    throw resourceExists(
      `You can't use ClientRequestToken ${id} because that value is already in use for a version of secret ${secret.name}.`,
    );
  }
  const now = clock();
  const added = withVersion({ ...secret, changedAt: now }, id, { createdAt: now, kind: value.kind, stages });
  return { ...added, values: { [id]: value.bytes } };
}

export async function holds(
  { secrets }: Pick<SecretsManagerDeps, 'secrets'>,
  scope: Scope,
  secret: Secret,
  id: string,
  { kind, bytes }: NewValue,
): Promise<boolean> {
  if (versionOf(secret, id)?.kind !== kind) return false;
  const known = await secrets.value(scope, secret, id);
  return known?.equals(bytes) ?? false;
}
