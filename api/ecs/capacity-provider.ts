/** Capacity provider operations: Fargate's two exist in every account, and no others. */
import type { CapacityProvider } from '@aws-sdk/client-ecs';
import { capacityProviderArn } from '../../core/arn.ts';
import type { Scope } from '../../core/scope.ts';
import { isName, resolveIdentifier } from './arn.ts';
import { fargateProviders } from './capacity-strategy.ts';
import { activeCluster } from './cluster-lookup.ts';
import type { EcsDeps } from './deps.ts';
import { invalidParameter, unsupportedFeature } from './errors.ts';
import { missing } from './failures.ts';
import type { EcsHandlers } from './handlers.ts';
import { pageOf, paging, shortListLimits } from './pagination.ts';
import { validTags } from './tag-rules.ts';

const onlyFargate = 'Only the FARGATE and FARGATE_SPOT capacity providers are available here.';
const mostDescribed = 100;

export function capacityProviderHandlers(deps: EcsDeps) {
  return {
    DescribeCapacityProviders: async (input, { caller }) => {
      const pages = paging(caller, 'DescribeCapacityProviders', input, shortListLimits);
      const associated =
        input.cluster === undefined
          ? fargateProviders
          : (await activeCluster(deps.store, caller, input.cluster)).cluster.capacityProviders;
      const asked = input.capacityProviders ?? [];
      if (asked.length > mostDescribed)
        throw invalidParameter(`CapacityProviders can have at most ${mostDescribed} items.`);
      const names = [...new Set(asked.map((identifier) => nameOf(caller, identifier)))];
      const unknown = names.filter((name) => !associated.includes(name));
      const found = names.length === 0 ? associated : names.filter((name) => associated.includes(name));
      const { items, nextToken } = pageOf(found, pages);
      return {
        capacityProviders: items.map((name) => view(caller, name)),
        failures: unknown.map((name) => missing(name.startsWith('arn:') ? name : capacityProviderArn(caller, name))),
        nextToken,
      };
    },

    CreateCapacityProvider: async ({ name = '', tags }) => {
      if (!isName(name) || /^(aws|ecs|fargate)/i.test(name))
        throw invalidParameter(
          `The specified capacity provider name '${name}' is invalid. Up to 255 letters, numbers, underscores and hyphens are allowed, and it cannot be prefixed with "aws", "ecs", or "fargate".`,
        );
      validTags(tags);
      throw unsupportedFeature(onlyFargate);
    },

    UpdateCapacityProvider: async ({ name = '' }, { caller }) => {
      throw refusal(nameOf(caller, name), 'updated');
    },

    DeleteCapacityProvider: async ({ capacityProvider = '' }, { caller }) => {
      throw refusal(nameOf(caller, capacityProvider), 'deleted');
    },
  } satisfies EcsHandlers;
}

/** ARNs of other accounts and regions stay as they are, and so are never found. */
function nameOf(scope: Scope, identifier: string): string {
  const resolved = resolveIdentifier(scope, 'capacity-provider', identifier);
  return resolved === 'foreign' ? identifier : resolved.path.join('/');
}

function refusal(name: string, change: string) {
  return fargateProviders.includes(name)
    ? invalidParameter(`The specified capacity provider '${name}' is reserved and cannot be ${change}.`)
    : invalidParameter(
        `The specified capacity provider '${name}' was not found. Specify a valid capacity provider and try again.`,
      );
}

function view(scope: Scope, name: string): CapacityProvider {
  return {
    capacityProviderArn: capacityProviderArn(scope, name),
    name,
    status: 'ACTIVE',
    type: name === 'FARGATE_SPOT' ? 'FARGATE_SPOT' : 'FARGATE',
    // AWS owns these providers; they cannot be tagged.
    tags: [],
  };
}
