/** DescribeServices, ListServices and ListServicesByNamespace. */
import type {
  DescribeServicesRequest,
  DescribeServicesResponse,
  ListServicesRequest,
  ListServicesResponse,
} from '@aws-sdk/client-ecs';
import { serviceArn } from '../../../core/arn.ts';
import { serviceKey } from '../../../core/service/service.ts';
import type { RequestContext } from '../../operation.ts';
import { findIdInCluster } from '../arn.ts';
import { activeCluster } from '../cluster-lookup.ts';
import type { EcsDeps } from '../deps.ts';
import { invalidParameter } from '../errors.ts';
import { missing } from '../failures.ts';
import { type PagingLimits, paging } from '../pagination.ts';
import { serviceView } from './view.ts';

const mostDescribed = 10;
export const serviceListLimits: PagingLimits = { most: 100, usual: 10 };

export async function describeServices(
  { store }: EcsDeps,
  input: DescribeServicesRequest,
  { caller }: RequestContext,
): Promise<DescribeServicesResponse> {
  const named = input.services ?? [];
  if (named.length === 0) throw invalidParameter('Services cannot be empty.');
  if (named.length > mostDescribed) throw invalidParameter(`Services can have at most ${mostDescribed} items.`);
  const { cluster } = await activeCluster(store, caller, input.cluster);
  const asked = new Map(
    named.map((identifier) => {
      const arn = identifier.startsWith('arn:') ? identifier : serviceArn(caller, cluster.name, identifier);
      return [arn, findIdInCluster(caller, cluster.name, 'service', identifier)] as const;
    }),
  );
  const names = [...asked.values()].filter((name) => name !== undefined);
  const found = await store.services.get(caller, cluster.name, names);
  const byName = new Map(found.map((stored) => [stored?.service.name, stored]));
  const tags = input.include?.includes('TAGS') ?? false;
  const answer: Required<Pick<DescribeServicesResponse, 'services' | 'failures'>> = { services: [], failures: [] };
  for (const [arn, name] of asked) {
    const stored = name === undefined ? undefined : byName.get(name);
    if (stored)
      answer.services.push(
        serviceView(stored, { events: await store.services.events(serviceKey(stored.service)), tags }),
      );
    else answer.failures.push(missing(arn));
  }
  return answer;
}

export async function listServices(
  { store }: EcsDeps,
  input: ListServicesRequest,
  { caller }: RequestContext,
): Promise<ListServicesResponse> {
  const pages = paging(caller, 'ListServices', input, serviceListLimits);
  const { cluster } = await activeCluster(store, caller, input.cluster);
  const { launchType, schedulingStrategy, resourceManagementType } = input;
  if (schedulingStrategy === 'DAEMON' || resourceManagementType === 'ECS') return { serviceArns: [] };
  if (launchType !== undefined && launchType !== 'FARGATE') return { serviceArns: [] };
  const { items, next } = await store.services.list(caller, cluster.name, pages.request);
  const wanted = launchType === undefined ? items : await withLaunchType(items);
  const nextToken = pages.token(next);
  return {
    serviceArns: wanted.map((name) => serviceArn(caller, cluster.name, name)),
    ...(nextToken !== undefined && { nextToken }),
  };

  /** Those by capacity provider have none. A page may come out shorter for that. */
  async function withLaunchType(names: readonly string[]): Promise<readonly string[]> {
    const found = await store.services.get(caller, cluster.name, names);
    return names.filter((_, index) => {
      const service = found[index]?.service;
      return service !== undefined && !service.capacityProviderStrategy?.length && service.launchType === 'FARGATE';
    });
  }
}
