/** Repository creation templates: what repositories are like that nobody made by hand. */
import {
  type CreateRepositoryCreationTemplateRequest,
  type RCTAppliedFor,
  TemplateAlreadyExistsException,
  TemplateNotFoundException,
} from '@aws-sdk/client-ecr';
import { type CreationTemplate, rootTemplate } from '../../core/registry/template.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { invalidParameter } from './errors.ts';
import { checkLifecyclePolicy } from './lifecycle.ts';
import { ecrPage } from './page.ts';
import { checkPolicy } from './policy.ts';
import { validMutability } from './repository.ts';
import { validTags } from './tag.ts';

export function templateHandlers(deps: EcrDeps) {
  const { settings, clock } = deps;
  return {
    CreateRepositoryCreationTemplate: async (input, { caller }) => {
      const now = clock();
      const template: CreationTemplate = { ...checked(input), createdAt: now, updatedAt: now };
      if (!(await settings.create(caller, 'template', template.prefix, template)))
        throw new TemplateAlreadyExistsException({
          message: `The repository creation template with prefix '${template.prefix}' already exists in the registry with id '${caller.accountId}'`,
          $metadata: {},
        });
      return { registryId: caller.accountId, repositoryCreationTemplate: view(template) };
    },

    UpdateRepositoryCreationTemplate: async (input, { caller }) => {
      const { prefix = '' } = input;
      const old = await settings.get<CreationTemplate>(caller, 'template', prefix);
      if (!old) throw notFound(prefix, caller.accountId);
      const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
      const { createdAt, updatedAt: _, ...before } = old;
      const template = { ...checked({ ...before, ...given } as CreateRepositoryCreationTemplateRequest), createdAt };
      const updated: CreationTemplate = { ...template, updatedAt: clock() };
      await settings.put(caller, 'template', prefix, updated);
      return { registryId: caller.accountId, repositoryCreationTemplate: view(updated) };
    },

    DeleteRepositoryCreationTemplate: async ({ prefix = '' }, { caller }) => {
      const old = await settings.get<CreationTemplate>(caller, 'template', prefix);
      if (!old || !(await settings.delete(caller, 'template', prefix))) throw notFound(prefix, caller.accountId);
      return { registryId: caller.accountId, repositoryCreationTemplate: view(old) };
    },

    DescribeRepositoryCreationTemplates: async (input, { caller }) => {
      const all = await settings.list<CreationTemplate>(caller, 'template');
      const page = ecrPage(caller, 'DescribeRepositoryCreationTemplates', input, 100);
      const { prefixes } = input;
      for (const prefix of prefixes ?? [])
        if (!all.some((one) => one.prefix === prefix)) throw notFound(prefix, caller.accountId);
      const wanted = all.filter(({ prefix }) => !prefixes?.length || prefixes.includes(prefix));
      const start = Number(page.request.after ?? 0);
      const end = start + page.request.limit;
      return {
        registryId: caller.accountId,
        repositoryCreationTemplates: wanted.slice(start, end).map(view),
        nextToken: page.token(end < wanted.length ? String(end) : undefined),
      };
    },
  } satisfies EcrHandlers;
}

function checked(input: CreateRepositoryCreationTemplateRequest): Omit<CreationTemplate, 'createdAt' | 'updatedAt'> {
  const {
    prefix = '',
    appliedFor = [],
    description,
    encryptionConfiguration,
    repositoryPolicy,
    lifecyclePolicy,
  } = input;
  if (prefix !== rootTemplate && !/^[a-z0-9]+(?:[._-][a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)*\/?$/.test(prefix))
    throw invalidParameter('prefix', 'must be the beginning of a repository name, or ROOT');
  if (repositoryPolicy) checkPolicy(repositoryPolicy);
  if (lifecyclePolicy) checkLifecyclePolicy(lifecyclePolicy);
  const { imageTagMutability, imageTagMutabilityExclusionFilters, resourceTags, customRoleArn } = input;
  validMutability(imageTagMutability, imageTagMutabilityExclusionFilters);
  return {
    prefix,
    appliedFor: [...new Set(appliedFor)] as RCTAppliedFor[],
    ...(description !== undefined && { description }),
    ...(encryptionConfiguration && { encryptionConfiguration }),
    ...(resourceTags && { resourceTags: [...validTags(resourceTags)] }),
    imageTagMutability: imageTagMutability ?? 'MUTABLE',
    ...(imageTagMutabilityExclusionFilters && { imageTagMutabilityExclusionFilters }),
    ...(repositoryPolicy && { repositoryPolicy }),
    ...(lifecyclePolicy && { lifecyclePolicy }),
    ...(customRoleArn !== undefined && { customRoleArn }),
  };
}

function view({ createdAt, updatedAt, ...template }: CreationTemplate) {
  return { ...template, createdAt: new Date(createdAt), updatedAt: new Date(updatedAt) };
}

function notFound(prefix: string, registryId: string): TemplateNotFoundException {
  return new TemplateNotFoundException({
    message: `The repository creation template with prefix '${prefix}' does not exist in the registry with id '${registryId}'`,
    $metadata: {},
  });
}
