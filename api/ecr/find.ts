/** The repository that a request names, when the caller may do what it asks for. */
import { AccessDeniedError, checkAccess } from '../../core/registry/access.ts';
import type { Repository } from '../../core/registry/repository.ts';
import type { Scope } from '../../core/scope.ts';
import type { StoredRepository } from '../../core/store/repository-store.ts';
import type { Caller } from '../operation.ts';
import type { EcrDeps } from './deps.ts';
import { accessDenied, type NamedRepository, repositoryNotFound } from './errors.ts';

export interface RepositoryRequest {
  readonly registryId?: string | undefined;
  readonly repositoryName?: string | undefined;
}

/** The registry that a request is for: the caller's own, unless it names another account's. */
export function registryOf(caller: Caller, { registryId }: Pick<RepositoryRequest, 'registryId'>): Scope {
  return { accountId: registryId ?? caller.accountId, region: caller.region };
}

/** Names a repository in messages. */
export function nameOf({ accountId }: Scope, { repositoryName = '' }: RepositoryRequest): NamedRepository {
  return { registryId: accountId, name: repositoryName };
}

/**
 * @param action without `ecr:`
 * @throws RepositoryNotFoundException, AccessDeniedException
 */
export async function findRepository(
  { repositories, registryPolicy }: Pick<EcrDeps, 'repositories' | 'registryPolicy'>,
  caller: Caller,
  request: RepositoryRequest,
  action: string,
): Promise<StoredRepository> {
  const registry = registryOf(caller, request);
  const { repositoryName = '' } = request;
  const [found, ofRegistry] = await Promise.all([repositories.get(registry, repositoryName), registryPolicy(registry)]);
  check(caller, registry, repositoryName, [found?.repository.policyText, ofRegistry], action);
  if (!found) throw repositoryNotFound(nameOf(registry, request));
  return found;
}

/**
 * Changes the repository that a request names; `make` is called again when another writer was quicker.
 * @throws RepositoryNotFoundException, AccessDeniedException
 */
export async function changeRepository(
  deps: Pick<EcrDeps, 'repositories' | 'registryPolicy'>,
  caller: Caller,
  request: RepositoryRequest,
  action: string,
  make: (repository: Repository) => Repository | undefined,
): Promise<{ readonly repository: Repository; readonly registry: Scope }> {
  const found = await findRepository(deps, caller, request, action);
  const registry = { accountId: found.accountId, region: found.region };
  const repository = await deps.repositories.change(registry, found.repository.name, make);
  if (!repository) throw repositoryNotFound(nameOf(registry, request));
  return { repository, registry };
}

/** For what a policy cannot give away. @throws AccessDeniedException for another account's registry */
export function checkOwn(caller: Caller, request: Pick<RepositoryRequest, 'registryId'>, action: string): void {
  check(caller, registryOf(caller, request), '*', [], action);
}

function check(
  caller: Caller,
  registry: Scope,
  name: string,
  policies: readonly (string | undefined)[],
  action: string,
): void {
  try {
    checkAccess(caller, registry, name, policies, action);
  } catch (error) {
    throw error instanceof AccessDeniedError ? accessDenied(error.message) : error;
  }
}
