/** Values and their versions: reading, adding, moving stages. */
import type {
  GetSecretValueRequest,
  GetSecretValueResponse,
  UpdateSecretVersionStageRequest,
} from '@aws-sdk/client-secrets-manager';
import type { Scope } from '../../core/scope.ts';
import { current, type Secret, secretArn, versionOf, versionWithStage, withStage } from '../../core/secrets/secret.ts';
import { lookUpSecretValue } from '../../core/secrets/secret-lookup.ts';
import { pageTokens } from '../page-token.ts';
import { refuseForeignKey } from './create.ts';
import type { SecretsManagerDeps, SecretsManagerHandlers } from './deps.ts';
import { invalidParameter, invalidRequest, invalidToken, markedForDeletion, notFound } from './errors.ts';
import { changeSecret, findSecret } from './find.ts';
import { newValue, newVersion } from './value.ts';

/** Versions on a page when the request does not say. */
const usual = 100;
/** Stages that one version may have. */
const mostStages = 20;

export function versionHandlers(deps: SecretsManagerDeps) {
  const { newUuid, clock } = deps;
  return {
    GetSecretValue: async (input, { caller }) => await secretValue(deps, caller, input),

    PutSecretValue: async (input, { caller }) => {
      const { ClientRequestToken: id = newUuid(), VersionStages: stages = [current] } = input;
      if (input.RotationToken !== undefined) throw invalidRequest('Longshore does not implement rotation yet.');
      const value = newValue(input);
      if (!value) throw invalidRequest('You must provide either SecretString or SecretBinary.');
      const secret = await changeSecret(
        deps,
        caller,
        input.SecretId,
        async (found) => await newVersion(deps, caller, found, { id, value, stages: [...new Set(stages)] }),
      );
      return {
        ARN: secretArn(caller, secret),
        Name: secret.name,
        VersionId: id,
        VersionStages: [...(versionOf(secret, id)?.stages ?? [])],
      };
    },

    UpdateSecret: async (input, { caller }) => {
      const { ClientRequestToken: id = newUuid(), Description } = input;
      refuseForeignKey(input.KmsKeyId);
      if (input.Type !== undefined) throw invalidRequest('Longshore does not implement managed external secrets yet.');
      const value = newValue(input);
      const secret = await changeSecret(deps, caller, input.SecretId, async (found) => {
        const changed = {
          ...found,
          changedAt: clock(),
          ...(Description !== undefined && { description: Description }),
        };
        if (!value) return { secret: changed };
        return await newVersion(deps, caller, changed, { id, value, stages: [current] });
      });
      return { ARN: secretArn(caller, secret), Name: secret.name, ...(value && { VersionId: id }) };
    },

    UpdateSecretVersionStage: async (input, { caller }) => {
      const secret = await changeSecret(deps, caller, input.SecretId, (found) => ({
        secret: moveStage({ ...found, changedAt: clock() }, input),
      }));
      return { ARN: secretArn(caller, secret), Name: secret.name };
    },

    ListSecretVersionIds: async (input, { caller }) => {
      const secret = await findSecret(deps, caller, input.SecretId);
      const tokens = pageTokens(caller, 'ListSecretVersionIds', input, invalidToken);
      const versions = Object.entries(secret.versions)
        .filter(([, { stages }]) => input.IncludeDeprecated || stages.length > 0)
        .sort(([, one], [, other]) => other.createdAt - one.createdAt);
      const start = Number(tokens.position ?? 0);
      const end = start + (input.MaxResults ?? usual);
      return {
        ARN: secretArn(caller, secret),
        Name: secret.name,
        Versions: versions.slice(start, end).map(([VersionId, { stages, createdAt, accessedAt }]) => ({
          VersionId,
          VersionStages: [...stages],
          CreatedDate: new Date(createdAt),
          ...(accessedAt !== undefined && { LastAccessedDate: new Date(accessedAt) }),
          KmsKeyIds: ['DefaultEncryptionKey'],
        })),
        NextToken: tokens.token(end < versions.length ? String(end) : undefined),
      };
    },
  } satisfies SecretsManagerHandlers;
}

/** @throws ResourceNotFoundException, InvalidRequestException */
export async function secretValue(
  { secrets, clock }: SecretsManagerDeps,
  scope: Scope,
  { SecretId: secretId = '', VersionId: versionId, VersionStage: versionStage }: GetSecretValueRequest,
): Promise<GetSecretValueResponse> {
  const wanted = { secretId, ...(versionId && { versionId }), ...(versionStage && { versionStage }) };
  const found = await lookUpSecretValue(secrets, scope, wanted, clock());
  switch (found.outcome) {
    case 'no-secret':
      throw notFound();
    case 'deleted':
      throw markedForDeletion();
    case 'stage-mismatch':
      throw invalidRequest('You provided a VersionStage that is not associated to the provided VersionId.');
    case 'no-version':
      throw notFound(` value for ${found.wanted}`);
    case 'found': {
      const { secret, id, version, value } = found;
      return {
        ARN: secretArn(scope, secret),
        Name: secret.name,
        VersionId: id,
        ...(version.kind === 'string' ? { SecretString: value.toString('utf8') } : { SecretBinary: value }),
        VersionStages: [...version.stages],
        CreatedDate: new Date(version.createdAt),
      };
    }
  }
}

/** A stage that somewhere has must be taken from there by name, so that two callers cannot move it past each other. */
function moveStage(
  secret: Secret,
  { VersionStage: stage = '', RemoveFromVersionId: from, MoveToVersionId: to }: UpdateSecretVersionStageRequest,
): Secret {
  if (from === undefined && to === undefined)
    throw invalidParameter('You must specify RemoveFromVersionId, MoveToVersionId, or both.');
  const holder = versionWithStage(secret, stage);
  for (const id of [from, to])
    if (id !== undefined && !versionOf(secret, id)) throw notFound(` value for VersionId: ${id}`);
  if (from !== undefined && from !== holder)
    throw invalidParameter(`The staging label ${stage} is not attached to version ${from}.`);
  if (to === undefined && stage === current)
    throw invalidParameter(`You can't remove the staging label ${current}. Move it to another version instead.`);
  if (to !== undefined && holder !== undefined && holder !== to && from === undefined)
    throw invalidParameter(
      `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  if (to !== undefined && (versionOf(secret, to)?.stages.length ?? 0) >= mostStages)
    throw invalidParameter(`A version can have at most ${mostStages} staging labels.`);
  return withStage(secret, stage, to);
}
