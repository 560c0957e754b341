/** What a repository is like that is made by a push, a pull-through cache or replication. */
import type { RCTAppliedFor, RepositoryCreationTemplate } from '@aws-sdk/client-ecr';
import type { Scope } from '../scope.ts';
import type { RegistrySettingsStore } from '../store/registry-settings-store.ts';
import type { StoredRepository } from '../store/repository-store.ts';
import type { Millis } from '../task.ts';
import type { RegistryDeps } from './deps.ts';
import type { Repository } from './repository.ts';

export interface CreationTemplate
  extends Omit<RepositoryCreationTemplate, 'createdAt' | 'updatedAt' | 'prefix' | 'appliedFor'> {
  readonly prefix: string;
  readonly appliedFor: RCTAppliedFor[];
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
}

/** Prefix of the template for every name that no other template is for. */
export const rootTemplate = 'ROOT';

/** The template with the longest prefix of a name; a prefix ends where a part of the name does. */
export function templateFor(
  templates: readonly CreationTemplate[],
  name: string,
  use: RCTAppliedFor,
): CreationTemplate | undefined {
  const fits = ({ prefix, appliedFor }: CreationTemplate) =>
    appliedFor.includes(use) &&
    (prefix === rootTemplate || name.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));
  const length = ({ prefix }: CreationTemplate) => (prefix === rootTemplate ? -1 : prefix.length);
  return templates.filter(fits).sort((one, other) => length(other) - length(one))[0];
}

/**
 * The repository of a name; made after a template when there is none.
 * @returns undefined: there is none, and no template makes it on a push
 */
export async function ensureRepository(
  deps: Pick<RegistryDeps, 'repositories' | 'clock' | 'newUuid'> & { readonly settings: RegistrySettingsStore },
  registry: Scope,
  name: string,
  use: RCTAppliedFor,
): Promise<StoredRepository | undefined> {
  const { repositories, settings, clock, newUuid } = deps;
  const found = await repositories.get(registry, name);
  if (found) return found;
  const template = templateFor(await settings.list<CreationTemplate>(registry, 'template'), name, use);
  if (!template && use === 'CREATE_ON_PUSH') return undefined;
  await repositories.create(registry, { ...fromTemplate(template), name, id: newUuid(), createdAt: clock() });
  return await repositories.get(registry, name);
}

function fromTemplate(template: CreationTemplate | undefined): Omit<Repository, 'name' | 'id' | 'createdAt'> {
  const { encryptionConfiguration, imageTagMutability, imageTagMutabilityExclusionFilters } = template ?? {};
  return {
    tagMutability: imageTagMutability ?? 'MUTABLE',
    ...(imageTagMutabilityExclusionFilters && { mutabilityExclusions: imageTagMutabilityExclusionFilters }),
    scanOnPush: false,
    encryption: encryptionConfiguration ?? { encryptionType: 'AES256' },
    tags: template?.resourceTags ?? [],
    ...(template?.repositoryPolicy && { policyText: template.repositoryPolicy }),
    ...(template?.lifecyclePolicy && { lifecyclePolicy: { text: template.lifecyclePolicy } }),
  };
}
