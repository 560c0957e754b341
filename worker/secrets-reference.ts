/** What `valueFrom` and `credentialsParameter` say, in ECS's own forms. */
import type { Scope } from '../core/scope.ts';

export type SecretReference =
  | { readonly service: 'ssm'; readonly scope: Scope; readonly name: string }
  | {
      readonly service: 'secretsmanager';
      readonly scope: Scope;
      readonly secretId: string;
      readonly jsonKey?: string;
      readonly versionStage?: string;
      readonly versionId?: string;
    };

/**
 * A parameter's name or ARN, with `:version` or `:label`; or a secret's ARN (its last six characters may be absent),
 * with `:json-key:version-stage:version-id`, each of which may be empty.
 * @param scope the task's, for what is no ARN
 * @returns undefined for an ARN of something else
 */
export function parseSecretReference(valueFrom: string, scope: Scope): SecretReference | undefined {
  if (!valueFrom.startsWith('arn:')) return { service: 'ssm', scope, name: valueFrom };
  const parts = valueFrom.split(':');
  const [, , service, region = '', accountId = '', type = ''] = parts;
  if (service === 'ssm' && type.startsWith('parameter/'))
    return { service, scope: { accountId, region }, name: valueFrom };
  if (service !== 'secretsmanager' || type !== 'secret' || parts.length < 7 || parts.length > 10) return undefined;
  const [jsonKey, versionStage, versionId] = parts.slice(7);
  return {
    service,
    scope: { accountId, region },
    secretId: parts.slice(0, 7).join(':'),
    ...(jsonKey && { jsonKey }),
    ...(versionStage && { versionStage }),
    ...(versionId && { versionId }),
  };
}
