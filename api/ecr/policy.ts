/** Policies of repositories and of a whole registry. */
import { RegistryPolicyNotFoundException, RepositoryPolicyNotFoundException } from '@aws-sdk/client-ecr';
import { AccessDeniedError, checkAccess } from '../../core/registry/access.ts';
import { checkNewPolicy } from '../../core/registry/policy.ts';
import type { Repository } from '../../core/registry/repository.ts';
import type { Caller } from '../operation.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { invalid, invalidParameter, type NamedRepository } from './errors.ts';
import { changeRepository, findRepository, nameOf } from './find.ts';

export function policyHandlers(deps: EcrDeps) {
  const { settings } = deps;
  return {
    SetRepositoryPolicy: async (input, { caller }) => {
      const { policyText = '' } = input;
      checkPolicy(policyText);
      const { repository, registry } = await changeRepository(deps, caller, input, 'SetRepositoryPolicy', (old) => {
        if (!input.force) refuseLockOut(caller, old, policyText);
        return { ...old, policyText };
      });
      return { registryId: registry.accountId, repositoryName: repository.name, policyText };
    },

    GetRepositoryPolicy: async (input, { caller }) => {
      const { repository, accountId } = await findRepository(deps, caller, input, 'GetRepositoryPolicy');
      const { policyText } = repository;
      if (policyText === undefined) throw noRepositoryPolicy({ registryId: accountId, name: repository.name });
      return { registryId: accountId, repositoryName: repository.name, policyText };
    },

    DeleteRepositoryPolicy: async (input, { caller }) => {
      let policyText: string | undefined;
      const { repository, registry } = await changeRepository(deps, caller, input, 'DeleteRepositoryPolicy', (old) => {
        const { policyText: text, ...rest } = old;
        if (text === undefined) throw noRepositoryPolicy(nameOf(caller, input));
        policyText = text;
        return rest;
      });
      return { registryId: registry.accountId, repositoryName: repository.name, policyText };
    },

    PutRegistryPolicy: async ({ policyText = '' }, { caller }) => {
      checkPolicy(policyText);
      await settings.put(caller, 'policy', '', policyText);
      return { registryId: caller.accountId, policyText };
    },

    GetRegistryPolicy: async (_, { caller }) => {
      const policyText = await settings.get<string>(caller, 'policy');
      if (policyText === undefined) throw noRegistryPolicy(caller.accountId);
      return { registryId: caller.accountId, policyText };
    },

    DeleteRegistryPolicy: async (_, { caller }) => {
      const policyText = await settings.get<string>(caller, 'policy');
      if (policyText === undefined || !(await settings.delete(caller, 'policy')))
        throw noRegistryPolicy(caller.accountId);
      return { registryId: caller.accountId, policyText };
    },
  } satisfies EcrHandlers;
}

export function checkPolicy(policyText: string): void {
  try {
    checkNewPolicy(policyText);
  } catch (error) {
    throw invalidParameter('PolicyText', `Invalid repository policy provided: ${(error as Error).message}`);
  }
}

/** As long as nobody says `force`. */
function refuseLockOut(caller: Caller, { name }: Repository, policyText: string): void {
  try {
    checkAccess(caller, caller, name, [policyText], 'SetRepositoryPolicy');
  } catch (error) {
    if (!(error instanceof AccessDeniedError)) throw error;
    throw invalid(
      'The repository policy would prevent you from setting it again; specify force to set it all the same.',
    );
  }
}

function noRepositoryPolicy({ registryId, name }: NamedRepository): RepositoryPolicyNotFoundException {
  return new RepositoryPolicyNotFoundException({
    message: `Repository policy does not exist for the repository with name '${name}' in the registry with id '${registryId}'`,
    $metadata: {},
  });
}

function noRegistryPolicy(registryId: string): RegistryPolicyNotFoundException {
  return new RegistryPolicyNotFoundException({
    message: `Registry policy does not exist in the registry with id '${registryId}'`,
    $metadata: {},
  });
}
