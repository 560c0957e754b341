/** Repositories. */
import {
  type CreateRepositoryRequest,
  type ImageTagMutability,
  type ImageTagMutabilityExclusionFilter,
  RepositoryAlreadyExistsException,
  RepositoryNotEmptyException,
} from '@aws-sdk/client-ecr';
import { repositoryPath } from '../../core/registry/address.ts';
import { isRepositoryName, type Repository, repositoryArn } from '../../core/registry/repository.ts';
import type { Scope } from '../../core/scope.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { invalid, invalidParameter, repositoryNotFound } from './errors.ts';
import { changeRepository, checkOwn, findRepository, nameOf, registryOf } from './find.ts';
import { ecrPage } from './page.ts';
import { validTags } from './tag.ts';

/** Repositories on a page when the request does not say. */
const usualPage = 100;
const defaultKey = 'alias/aws/ecr';
const namePattern = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*';

export function repositoryHandlers(deps: EcrDeps) {
  const { repositories } = deps;
  return {
    CreateRepository: async (input, { caller }) => {
      checkOwn(caller, input, 'CreateRepository');
      const repository = newRepository(deps, input);
      if (!(await repositories.create(caller, repository)))
        throw new RepositoryAlreadyExistsException({
          message: `The repository with name '${repository.name}' already exists in the registry with id '${caller.accountId}'`,
          $metadata: {},
        });
      return { repository: repositoryView(deps, caller, repository) };
    },

    DescribeRepositories: async (input, { caller }) => {
      const registry = registryOf(caller, input);
      if (input.repositoryNames) {
        if (input.nextToken !== undefined || input.maxResults !== undefined)
          throw invalid('nextToken and maxResults cannot be used together with repositoryNames.');
        const found = await Promise.all(
          input.repositoryNames.map(async (repositoryName) => {
            const request = { repositoryName, ...(input.registryId && { registryId: input.registryId }) };
            return await findRepository(deps, caller, request, 'DescribeRepositories');
          }),
        );
        return { repositories: found.map(({ repository }) => repositoryView(deps, registry, repository)) };
      }
      checkOwn(caller, input, 'DescribeRepositories');
      const page = ecrPage(caller, 'DescribeRepositories', input, usualPage);
      const { items, next } = await repositories.list(registry, page.request);
      const found = await Promise.all(items.map(async (name) => await repositories.get(registry, name)));
      return {
        repositories: found.flatMap((one) => (one ? [repositoryView(deps, registry, one.repository)] : [])),
        nextToken: page.token(next),
      };
    },

    DeleteRepository: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'DeleteRepository');
      const { outcome } = await repositories.delete(found, found.repository.name, input.force ?? false);
      const named = nameOf(found, input);
      if (outcome === 'missing') throw repositoryNotFound(named);
      if (outcome === 'images')
        throw new RepositoryNotEmptyException({
          message: `The repository with name '${named.name}' in registry with id '${named.registryId}' cannot be deleted because it still contains images`,
          $metadata: {},
        });
      return { repository: repositoryView(deps, found, found.repository) };
    },

    PutImageTagMutability: async (input, { caller }) => {
      const mutability = validMutability(input.imageTagMutability, input.imageTagMutabilityExclusionFilters);
      const { repository, registry } = await changeRepository(deps, caller, input, 'PutImageTagMutability', (old) => {
        const { mutabilityExclusions: _, ...rest } = old;
        return { ...rest, ...mutability };
      });
      return {
        registryId: registry.accountId,
        repositoryName: repository.name,
        imageTagMutability: repository.tagMutability,
        imageTagMutabilityExclusionFilters: filtersView(repository),
      };
    },

    PutImageScanningConfiguration: async (input, { caller }) => {
      const scanOnPush = input.imageScanningConfiguration?.scanOnPush ?? false;
      const { repository, registry } = await changeRepository(
        deps,
        caller,
        input,
        'PutImageScanningConfiguration',
        (old) => ({
          ...old,
          scanOnPush,
        }),
      );
      return {
        registryId: registry.accountId,
        repositoryName: repository.name,
        imageScanningConfiguration: { scanOnPush },
      };
    },
  } satisfies EcrHandlers;
}

export function newRepository(
  { clock, newUuid }: Pick<EcrDeps, 'clock' | 'newUuid'>,
  input: Omit<CreateRepositoryRequest, 'registryId'>,
): Repository {
  const { repositoryName: name = '', encryptionConfiguration } = input;
  if (!isRepositoryName(name))
    throw invalidParameter('repositoryName', `must satisfy regular expression '${namePattern}'`);
  const encryptionType = encryptionConfiguration?.encryptionType ?? 'AES256';
  const kmsKey = encryptionConfiguration?.kmsKey;
  if (encryptionType === 'AES256' && kmsKey !== undefined)
    throw invalid('A KMS key can be specified with the encryption types KMS and KMS_DSSE only.');
  return {
    name,
    id: newUuid(),
    createdAt: clock(),
    ...validMutability(input.imageTagMutability, input.imageTagMutabilityExclusionFilters),
    scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false,
    encryption: { encryptionType, ...(encryptionType !== 'AES256' && { kmsKey: kmsKey ?? defaultKey }) },
    tags: validTags(input.tags),
  };
}

export function validMutability(
  tagMutability: ImageTagMutability = 'MUTABLE',
  filters: readonly ImageTagMutabilityExclusionFilter[] | undefined,
): Pick<Repository, 'tagMutability' | 'mutabilityExclusions'> {
  const excludes = tagMutability.endsWith('_WITH_EXCLUSION');
  if (excludes && !filters?.length)
    throw invalid(`imageTagMutabilityExclusionFilters must be specified when imageTagMutability is ${tagMutability}.`);
  if (!excludes && filters?.length)
    throw invalid(
      `imageTagMutabilityExclusionFilters cannot be specified when imageTagMutability is ${tagMutability}.`,
    );
  return { tagMutability, ...(filters?.length && { mutabilityExclusions: filters }) };
}

export function repositoryUri(
  { registryHost, home }: Pick<EcrDeps, 'registryHost' | 'home'>,
  scope: Scope,
  name: string,
) {
  return `${registryHost()}/${repositoryPath({ ...scope, name }, home)}`;
}

function repositoryView(deps: EcrDeps, registry: Scope, repository: Repository) {
  const filters = filtersView(repository);
  return {
    repositoryArn: repositoryArn(registry, repository.name),
    registryId: registry.accountId,
    repositoryName: repository.name,
    repositoryUri: repositoryUri(deps, registry, repository.name),
    createdAt: new Date(repository.createdAt),
    imageTagMutability: repository.tagMutability,
    ...(filters && { imageTagMutabilityExclusionFilters: filters }),
    imageScanningConfiguration: { scanOnPush: repository.scanOnPush },
    encryptionConfiguration: repository.encryption,
  };
}

function filtersView({ mutabilityExclusions }: Repository) {
  return mutabilityExclusions && [...mutabilityExclusions];
}
