/** A service's history: ListServiceDeployments, DescribeServiceDeployments, DescribeServiceRevisions, and what stops or continues one. */
import {
  ConflictException,
  type ContinueServiceDeploymentRequest,
  type ContinueServiceDeploymentResponse,
  type DescribeServiceDeploymentsRequest,
  type DescribeServiceDeploymentsResponse,
  type DescribeServiceRevisionsRequest,
  type DescribeServiceRevisionsResponse,
  type ListServiceDeploymentsRequest,
  type ListServiceDeploymentsResponse,
  ServiceDeploymentNotFoundException,
  type StopServiceDeploymentRequest,
  type StopServiceDeploymentResponse,
} from '@aws-sdk/client-ecs';
import type { ResourceType } from '../../../core/arn.ts';
import type { Scope } from '../../../core/scope.ts';
import { type Service, type ServiceDeployment, serviceKey } from '../../../core/service/service.ts';
import type { StoredService } from '../../../core/store/store.ts';
import type { RequestContext } from '../../operation.ts';
import { resolveIdentifier } from '../arn.ts';
import type { EcsDeps } from '../deps.ts';
import { invalidParameter, unsupportedFeature } from '../errors.ts';
import { missing } from '../failures.ts';
import { type PagingLimits, pageOf, paging } from '../pagination.ts';
import { briefView, serviceDeploymentView, serviceRevisionView } from './history-view.ts';
import { findService } from './lookup.ts';
import { isUnderWay } from './new-deployment.ts';

const mostDescribed = 20;
const limits: PagingLimits = { most: 100, usual: 20 };

export async function listServiceDeployments(
  deps: EcsDeps,
  input: ListServiceDeploymentsRequest,
  { caller }: RequestContext,
): Promise<ListServiceDeploymentsResponse> {
  const pages = paging(caller, 'ListServiceDeployments', input, limits);
  const { service } = await findService(deps, caller, input);
  const { status = [], createdAt: { before, after } = {} } = input;
  const found = (await deps.store.services.history(serviceKey(service))).filter(
    (each) =>
      (status.length === 0 || status.includes(each.status)) &&
      (before === undefined || each.createdAt < before.getTime()) &&
      (after === undefined || each.createdAt > after.getTime()),
  );
  const { items, nextToken } = pageOf(found, pages);
  return {
    serviceDeployments: items.map((each) => briefView(service, each)),
    ...(nextToken !== undefined && { nextToken }),
  };
}

interface Found<T> {
  readonly arn: string;
  readonly stored?: StoredService;
  readonly value?: T | undefined;
}

/** What ARNs of a service's parts name, each once, in their order. */
async function findParts<T>(
  { store }: EcsDeps,
  scope: Scope,
  type: ResourceType,
  arns: readonly string[],
  read: (service: Service, id: string) => Promise<readonly (T | undefined)[]>,
): Promise<readonly Found<T>[]> {
  return await Promise.all(
    [...new Set(arns)].map(async (arn): Promise<Found<T>> => {
      const part = partOf(scope, type, arn);
      const [stored] = part ? await store.services.get(scope, part.clusterName, [part.name]) : [];
      if (!part || !stored) return { arn };
      const [value] = await read(stored.service, part.id);
      return { arn, stored, value };
    }),
  );
}

function partOf(scope: Scope, type: ResourceType, arn: string) {
  if (!arn.startsWith('arn:')) throw invalidParameter(`Invalid identifier: Expected the ARN of a ${type}: ${arn}`);
  const resolved = resolveIdentifier(scope, type, arn);
  if (resolved === 'foreign') return undefined;
  const [clusterName, name, id, ...more] = resolved.path;
  if (clusterName === undefined || name === undefined || id === undefined || more.length > 0)
    throw invalidParameter('Invalid identifier: Unexpected number of separators');
  return { clusterName, name, id };
}

function limited(arns: readonly string[] | undefined, what: string): readonly string[] {
  if (!arns?.length) throw invalidParameter(`${what} cannot be empty.`);
  if (arns.length > mostDescribed) throw invalidParameter(`${what} can have at most ${mostDescribed} items.`);
  return arns;
}

/** The newest entry is in the service's own record. */
async function entryOf({ store }: EcsDeps, service: Service, id: string) {
  return await store.services.deployments(serviceKey(service), [id]);
}

export async function describeServiceDeployments(
  deps: EcsDeps,
  input: DescribeServiceDeploymentsRequest,
  { caller }: RequestContext,
): Promise<DescribeServiceDeploymentsResponse> {
  const arns = limited(input.serviceDeploymentArns, 'serviceDeploymentArns');
  const found = await findParts<ServiceDeployment>(deps, caller, 'service-deployment', arns, (service, id) =>
    entryOf(deps, service, id),
  );
  return {
    serviceDeployments: found.flatMap(({ stored, value }) =>
      stored && value ? [serviceDeploymentView(stored, value)] : [],
    ),
    failures: found.flatMap(({ arn, value }) => (value ? [] : [missing(arn)])),
  };
}

export async function describeServiceRevisions(
  deps: EcsDeps,
  input: DescribeServiceRevisionsRequest,
  { caller }: RequestContext,
): Promise<DescribeServiceRevisionsResponse> {
  const arns = limited(input.serviceRevisionArns, 'serviceRevisionArns');
  const found = await findParts(deps, caller, 'service-revision', arns, (service, id) =>
    deps.store.services.revisions(serviceKey(service), [id]),
  );
  return {
    serviceRevisions: found.flatMap(({ stored, value }) =>
      stored && value ? [serviceRevisionView(stored.service, value)] : [],
    ),
    failures: found.flatMap(({ arn, value }) => (value ? [] : [missing(arn)])),
  };
}

/** Changes the entry that is under way; the scheduler does the rest. */
async function changeUnderWay(
  deps: EcsDeps,
  scope: Scope,
  arn: string,
  change: (service: Service, entry: ServiceDeployment) => Service,
): Promise<void> {
  const part = partOf(scope, 'service-deployment', arn);
  const changed =
    part &&
    (await deps.store.services.change({ ...scope, ...part }, (service) => {
      const entry = service.serviceDeployment;
      if (entry?.id !== part.id || !isUnderWay(entry)) return undefined;
      return { service: change(service, entry) };
    }));
  const known = part && changed && (await entryOf(deps, changed.service, part.id))[0];
  if (!known) throw new ServiceDeploymentNotFoundException({ message: 'Service deployment not found.', $metadata: {} });
  deps.wakeService?.(serviceKey(changed.service));
}

export async function stopServiceDeployment(
  deps: EcsDeps,
  input: StopServiceDeploymentRequest,
  { caller }: RequestContext,
): Promise<StopServiceDeploymentResponse> {
  const serviceDeploymentArn = input.serviceDeploymentArn ?? '';
  if (input.stopType === 'ABORT') throw unsupportedFeature('The ABORT stop type is not supported. Use ROLLBACK.');
  let stopped = false;
  await changeUnderWay(deps, caller, serviceDeploymentArn, (service, entry) => {
    if (entry.status === 'ROLLBACK_REQUESTED' || entry.status === 'ROLLBACK_IN_PROGRESS')
      throw conflict('The service deployment is rolling back already.');
    if (!service.lastCompleted || service.lastCompleted.revision.id === entry.target.revisionId)
      throw conflict('The service deployment cannot be rolled back: there is no completed service revision before it.');
    stopped = true;
    return { ...service, serviceDeployment: { ...entry, status: 'ROLLBACK_REQUESTED', updatedAt: deps.clock() } };
  });
  if (!stopped) throw conflict('The service deployment is not in progress.');
  return { serviceDeploymentArn };
}

export async function continueServiceDeployment(
  deps: EcsDeps,
  input: ContinueServiceDeploymentRequest,
  { caller }: RequestContext,
): Promise<ContinueServiceDeploymentResponse> {
  const serviceDeploymentArn = input.serviceDeploymentArn ?? '';
  let answered = false;
  await changeUnderWay(deps, caller, serviceDeploymentArn, (service, entry) => {
    const run = entry.hooks.find(({ id }) => id === input.hookId);
    if (run?.status !== 'AWAITING_ACTION')
      throw invalidParameter(`There is no paused lifecycle hook ${input.hookId} in the service deployment.`);
    answered = true;
    const outcome =
      input.action === 'ROLLBACK'
        ? ({ status: 'FAILED', reason: 'ContinueServiceDeployment asked for a rollback.' } as const)
        : ({ status: 'SUCCEEDED' } as const);
    const hooks = entry.hooks.map((each) => (each.id === run.id ? { ...each, ...outcome } : each));
    return { ...service, serviceDeployment: { ...entry, hooks, updatedAt: deps.clock() } };
  });
  if (!answered) throw invalidParameter('The service deployment is not in progress.');
  return { serviceDeploymentArn };
}

function conflict(message: string): ConflictException {
  return new ConflictException({ message, $metadata: {} });
}
