/** Secrets as DescribeSecret and ListSecrets show them: without their values. */
import type { DescribeSecretResponse, SecretListEntry } from '@aws-sdk/client-secrets-manager';
import type { Scope } from '../../core/scope.ts';
import { type Secret, secretArn } from '../../core/secrets/secret.ts';

export function describeView(scope: Scope, secret: Secret): DescribeSecretResponse {
  return { ...commonView(scope, secret), VersionIdsToStages: stagedVersions(secret) };
}

export function listView(scope: Scope, secret: Secret): SecretListEntry {
  return { ...commonView(scope, secret), SecretVersionsToStages: stagedVersions(secret) };
}

function commonView(scope: Scope, secret: Secret) {
  const { name, description, tags, createdAt, changedAt, accessedAt, deletion } = secret;
  return {
    ARN: secretArn(scope, secret),
    Name: name,
    ...(description !== undefined && { Description: description }),
    LastChangedDate: new Date(changedAt),
    ...(accessedAt !== undefined && { LastAccessedDate: new Date(accessedAt) }),
    ...(deletion && { DeletedDate: new Date(deletion.requestedAt) }),
    Tags: [...tags],
    CreatedDate: new Date(createdAt),
  };
}

function stagedVersions({ versions }: Secret): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(versions)
      .filter(([, { stages }]) => stages.length > 0)
      .map(([id, { stages }]) => [id, [...stages]]),
  );
}
