/** Who may do what with a repository. */
import type { Scope } from '../scope.ts';
import { fullPath } from './address.ts';
import { evaluatePolicy } from './policy.ts';
import { repositoryArn } from './repository.ts';
import type { RegistryPrincipal } from './tokens.ts';

export type RegistryAction =
  | 'BatchCheckLayerAvailability'
  | 'BatchDeleteImage'
  | 'BatchGetImage'
  | 'CompleteLayerUpload'
  | 'GetDownloadUrlForLayer'
  | 'InitiateLayerUpload'
  | 'ListImageReferrers'
  | 'ListImages'
  | 'PutImage'
  | 'UploadLayerPart';

const pulls: readonly string[] = ['BatchCheckLayerAvailability', 'BatchGetImage', 'GetDownloadUrlForLayer'];

/** The message is a sentence for the caller, in AWS's words. */
export class AccessDeniedError extends Error {
  override readonly name = 'AccessDeniedError';
}

/**
 * An account may do everything with its own repositories, others what a policy allows them; a Deny of a policy is for
 * everybody.
 * @param action without `ecr:`
 * @param policies the repository's, which one that does not exist has not, and the registry's where it is for all actions
 * @throws AccessDeniedError
 */
export function checkAccess(
  principal: RegistryPrincipal,
  owner: Scope,
  name: string,
  policies: readonly (string | undefined)[],
  action: string,
): void {
  const resource = repositoryArn(owner, name);
  const refuse = (why: string) => {
    throw new AccessDeniedError(
      `User: ${principal.arn} is not authorized to perform: ecr:${action} on resource: ${resource} ${why}`,
    );
  };
  const { only } = principal;
  if (only) {
    const kind = pulls.includes(action) ? 'pull' : 'push';
    if (only.repository !== fullPath({ ...owner, name }) || !only.actions.includes(kind))
      refuse('because no session policy allows it');
  }
  const decisions = policies
    .filter((text) => text !== undefined)
    .map((text) => evaluatePolicy(text, { principal, action: `ecr:${action}`, resource }));
  if (decisions.includes('deny')) refuse('with an explicit deny in a resource-based policy');
  if (!decisions.includes('allow') && principal.accountId !== owner.accountId)
    refuse(`because no resource-based policy allows the ecr:${action} action`);
}
