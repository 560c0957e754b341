/** CreateSecret. */
import { randomInt } from 'node:crypto';
import {
  type CreateSecretRequest,
  type CreateSecretResponse,
  EncryptionFailure,
} from '@aws-sdk/client-secrets-manager';
import type { Scope } from '../../core/scope.ts';
import { current, type Secret, secretArn, versionOf, withVersion } from '../../core/secrets/secret.ts';
import { isGone } from '../../core/secrets/secret-lookup.ts';
import { AwsError } from '../errors.ts';
import type { SecretsManagerDeps } from './deps.ts';
import { invalidRequest, resourceExists } from './errors.ts';
import { validTags } from './tag.ts';
import { holds, type NewValue, newValue } from './value.ts';

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const defaultKey = 'alias/aws/secretsmanager';

export async function createSecret(
  deps: SecretsManagerDeps,
  scope: Scope,
  input: CreateSecretRequest,
): Promise<CreateSecretResponse> {
  const { secrets, clock, newUuid } = deps;
  const { Name: name = '', ClientRequestToken: id = newUuid() } = input;
  refuseUnusable(input);
  const value = newValue(input);
  const tags = validTags(input.Tags);
  const old = await secrets.get(scope, name);
  if (old && isGone(old, clock())) await secrets.delete(scope, old);
  const secret = await secrets.write(scope, name, async (found) => {
    if (found) {
      await refuseUnlessRepeated(deps, scope, found, id, value);
      return undefined;
    }
    const now = clock();
    const made: Secret = {
      name,
      suffix: newSuffix(),
      ...(input.Description !== undefined && { description: input.Description }),
      tags,
      createdAt: now,
      changedAt: now,
      versions: {},
    };
    if (!value) return { secret: made };
    const added = withVersion(made, id, { createdAt: now, kind: value.kind, stages: [current] });
    return { ...added, values: { [id]: value.bytes } };
  });
  if (!secret) throw new Error('A secret vanished while it was created.');
  return { ARN: secretArn(scope, secret), Name: name, ...(value && { VersionId: id }) };
}

async function refuseUnlessRepeated(
  deps: SecretsManagerDeps,
  scope: Scope,
  found: Secret,
  id: string,
  value: NewValue | undefined,
): Promise<void> {
  if (found.deletion)
    throw invalidRequest(
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  const repeated = value && versionOf(found, id) && (await holds(deps, scope, found, id, value));
  if (!repeated) throw resourceExists(`The operation failed because the secret ${found.name} already exists.`);
}

function refuseUnusable(input: CreateSecretRequest): void {
  if (!/^[A-Za-z0-9/_+=.@!-]+$/.test(input.Name ?? ''))
    throw new AwsError(
      'ValidationException',
      'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
    );
  if (input.AddReplicaRegions?.length) throw invalidRequest('Longshore does not implement replica secrets yet.');
  if (input.Type !== undefined) throw invalidRequest('Longshore does not implement managed external secrets yet.');
  refuseForeignKey(input.KmsKeyId);
}

export function refuseForeignKey(key: string | undefined): void {
  if (key !== undefined && key !== defaultKey)
    throw new EncryptionFailure({
      message: `Secrets Manager can't use the KMS key ${key}: Longshore encrypts every secret with the installation's own key, ${defaultKey}.`,
      $metadata: {},
    });
}

export function newSuffix(): string {
  return Array.from({ length: 6 }, () => letters.charAt(randomInt(letters.length))).join('');
}
