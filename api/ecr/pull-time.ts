/** Principals whose pulls are not recorded: scanners and the like. */
import { ExclusionAlreadyExistsException, ExclusionNotFoundException } from '@aws-sdk/client-ecr';
import type { RegistryPrincipal } from '../../core/registry/tokens.ts';
import type { Scope } from '../../core/scope.ts';
import type { RegistrySettingsStore } from '../../core/store/registry-settings-store.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { ecrPage } from './page.ts';

/** Whether a principal's pulls are not recorded. */
export function pullTimeExclusions(settings: RegistrySettingsStore) {
  return async (registry: Scope, { arn }: RegistryPrincipal): Promise<boolean> =>
    (await settings.get<string>(registry, 'pull-time-exclusion', arn)) !== undefined;
}

export function pullTimeHandlers({ settings, clock }: EcrDeps) {
  return {
    RegisterPullTimeUpdateExclusion: async ({ principalArn = '' }, { caller }) => {
      const createdAt = clock();
      if (!(await settings.create(caller, 'pull-time-exclusion', principalArn, principalArn)))
        throw new ExclusionAlreadyExistsException({
          message: `The pull time update exclusion for '${principalArn}' already exists in the registry with id '${caller.accountId}'`,
          $metadata: {},
        });
      return { principalArn, createdAt: new Date(createdAt) };
    },

    DeregisterPullTimeUpdateExclusion: async ({ principalArn = '' }, { caller }) => {
      if (!(await settings.delete(caller, 'pull-time-exclusion', principalArn)))
        throw new ExclusionNotFoundException({
          message: `The pull time update exclusion for '${principalArn}' does not exist in the registry with id '${caller.accountId}'`,
          $metadata: {},
        });
      return { principalArn };
    },

    ListPullTimeUpdateExclusions: async (input, { caller }) => {
      const all = await settings.list<string>(caller, 'pull-time-exclusion');
      const page = ecrPage(caller, 'ListPullTimeUpdateExclusions', input, 100);
      const start = Number(page.request.after ?? 0);
      const end = start + page.request.limit;
      return {
        pullTimeUpdateExclusions: all.slice(start, end),
        nextToken: page.token(end < all.length ? String(end) : undefined),
      };
    },
  } satisfies EcrHandlers;
}
