/** Replication of registries. */
import type { ReplicationConfiguration } from '@aws-sdk/client-ecr';
import type { ReplicationStates } from '../../core/registry/replication.ts';
import { scopeKey } from '../../core/scope.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { imageNotFound, invalid, validationError } from './errors.ts';
import { findRepository, nameOf } from './find.ts';
import { lookUpImage } from './image-id.ts';

const mostDestinations = 25;

export function replicationHandlers(deps: EcrDeps) {
  const { settings } = deps;
  return {
    PutReplicationConfiguration: async ({ replicationConfiguration }, { caller }) => {
      const configuration = checked(replicationConfiguration ?? { rules: [] }, scopeKey(caller));
      await settings.put(caller, 'replication', '', configuration);
      return { replicationConfiguration: configuration };
    },

    DescribeRegistry: async (_, { caller }) => ({
      registryId: caller.accountId,
      replicationConfiguration: (await settings.get<ReplicationConfiguration>(caller, 'replication')) ?? { rules: [] },
    }),

    DescribeImageReplicationStatus: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'DescribeImageReplicationStatus');
      const imageId = input.imageId ?? {};
      const lookup = await lookUpImage(deps.images, found.repository.id, imageId);
      if (lookup.outcome === 'failed') {
        if (lookup.failure.failureCode === 'ImageNotFound') throw imageNotFound(nameOf(found, input), imageId);
        throw invalid(lookup.failure.failureReason ?? '');
      }
      const [states] = await deps.replications.get<ReplicationStates>(found.repository.id, [lookup.digest]);
      return {
        repositoryName: found.repository.name,
        imageId: { imageDigest: lookup.digest, ...(imageId.imageTag !== undefined && { imageTag: imageId.imageTag }) },
        replicationStatuses: Object.entries(states ?? {}).map(([key, state]) => {
          const [registryId, region] = key.split(':');
          return { region, registryId, ...state };
        }),
      };
    },
  } satisfies EcrHandlers;
}

function checked(configuration: ReplicationConfiguration, own: string): ReplicationConfiguration {
  const { rules = [] } = configuration;
  const all = rules.flatMap(({ destinations }) => destinations ?? []);
  for (const { region = '', registryId = '' } of all)
    if (`${registryId}:${region}` === own)
      throw validationError(
        'Invalid replication configuration: a registry cannot be replicated to its own account and region.',
      );
  const distinct = new Set(all.map(({ region, registryId }) => `${registryId}:${region}`));
  if (distinct.size > mostDestinations)
    throw validationError(`Invalid replication configuration: there can be at most ${mostDestinations} destinations.`);
  return { rules };
}
