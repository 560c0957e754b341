/** BatchGetSecretValue: several values at once, by name or by filter. */
import {
  type APIErrorType,
  type BatchGetSecretValueRequest,
  type BatchGetSecretValueResponse,
  SecretsManagerServiceException,
  type SecretValueEntry,
} from '@aws-sdk/client-secrets-manager';
import type { Scope } from '../../core/scope.ts';
import type { SecretsManagerDeps } from './deps.ts';
import { invalidParameter } from './errors.ts';
import { listSecrets } from './list.ts';
import { secretValue } from './version.ts';

/** Values on a page when the request does not say. */
const usual = 20;

export async function batchGetSecretValue(
  deps: SecretsManagerDeps,
  scope: Scope,
  input: BatchGetSecretValueRequest,
): Promise<BatchGetSecretValueResponse> {
  const { SecretIdList: asked, Filters, MaxResults = usual, NextToken } = input;
  if ((asked === undefined) === (Filters === undefined))
    throw invalidParameter('You must specify either SecretIdList or Filters, and not both.');
  if (asked !== undefined && (input.MaxResults !== undefined || NextToken !== undefined))
    throw invalidParameter('MaxResults and NextToken go with Filters only.');
  const page = asked === undefined ? await listSecrets(deps, scope, { Filters, MaxResults, NextToken }) : undefined;
  const ids = asked ?? page?.SecretList?.map(({ ARN = '' }) => ARN) ?? [];
  const results = await Promise.all(ids.map(async (id) => await oneOf(deps, scope, id)));
  return {
    SecretValues: results.flatMap(({ value }) => value ?? []),
    Errors: results.flatMap(({ error }) => error ?? []),
    NextToken: page?.NextToken,
  };
}

async function oneOf(
  deps: SecretsManagerDeps,
  scope: Scope,
  id: string,
): Promise<{ readonly value?: SecretValueEntry; readonly error?: APIErrorType }> {
  try {
    return { value: await secretValue(deps, scope, { SecretId: id }) };
  } catch (error) {
    if (!(error instanceof SecretsManagerServiceException)) throw error;
    return { error: { SecretId: id, ErrorCode: error.name, Message: error.message } };
  }
}
