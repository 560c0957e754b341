/** Task sets of services with the EXTERNAL deployment controller. */
import {
  type CreateTaskSetRequest,
  type CreateTaskSetResponse,
  type DeleteTaskSetRequest,
  type DeleteTaskSetResponse,
  type DescribeTaskSetsRequest,
  type DescribeTaskSetsResponse,
  LimitExceededException,
  type Scale,
  TaskSetNotFoundException,
  type UpdateServicePrimaryTaskSetRequest,
  type UpdateServicePrimaryTaskSetResponse,
  type UpdateTaskSetRequest,
  type UpdateTaskSetResponse,
} from '@aws-sdk/client-ecs';
import { type Deployment, type Service, serviceKey } from '../../../core/service/service.ts';
import { rolloutReasons } from '../../../core/service-plan/messages.ts';
import type { StoredService } from '../../../core/store/store.ts';
import type { RequestContext } from '../../operation.ts';
import { activeCluster } from '../cluster-lookup.ts';
import type { EcsDeps } from '../deps.ts';
import { invalidParameter } from '../errors.ts';
import { missing } from '../failures.ts';
import { validTags } from '../tag-rules.ts';
import { validClientToken } from './create.ts';
import { newDeploymentId } from './ids.ts';
import { type ServiceLaunch, serviceLaunch } from './launch.ts';
import { findActiveService, findService, serviceNotActive, serviceNotFound } from './lookup.ts';
import { definitionForService, newRevision } from './revision.ts';
import { refuseUnbuiltService } from './unbuilt.ts';
import { taskSetArn, taskSetView } from './view.ts';

const mostTaskSets = 5;

export async function createTaskSet(
  deps: EcsDeps,
  input: CreateTaskSetRequest,
  { caller }: RequestContext,
): Promise<CreateTaskSetResponse> {
  const { cluster } = await activeCluster(deps.store, caller, input.cluster);
  const found = await findActiveService(deps, caller, input);
  assertExternal(found.service);
  refuseUnbuiltService(input);
  const token = input.clientToken === undefined ? undefined : validClientToken(input.clientToken);
  const launch: ServiceLaunch =
    input.launchType || input.capacityProviderStrategy?.length
      ? serviceLaunch(input, cluster)
      : launchOf(found.service, () => serviceLaunch({}, cluster));
  const definition = await definitionForService(deps, caller, input.taskDefinition ?? '');
  const now = deps.clock();
  const taskSet: Deployment = {
    id: newDeploymentId(deps),
    revision: newRevision(
      deps,
      definition,
      {
        networkConfiguration: input.networkConfiguration,
        platformVersion: input.platformVersion,
        enableExecuteCommand: found.service.enableExecuteCommand,
      },
      launch,
    ),
    status: 'ACTIVE',
    createdAt: now,
    updatedAt: now,
    rolloutState: 'COMPLETED',
    rolloutStateReason: rolloutReasons.completed(''),
    failedTasks: 0,
    taskSet: {
      ...(input.externalId !== undefined && { externalId: input.externalId }),
      scale: validScale(input.scale),
      steady: false,
      steadyAt: now,
      tags: validTags(input.tags),
      requestedPlatformVersion: input.platformVersion || 'LATEST',
      ...(token !== undefined && { clientToken: token }),
    },
  };
  let id = taskSet.id;
  const changed = await change(deps, found.service, (service) => {
    const before = token && service.deployments.find((each) => each.taskSet?.clientToken === token);
    if (before) {
      id = before.id;
      return undefined;
    }
    id = taskSet.id;
    if (service.deployments.length >= mostTaskSets)
      throw new LimitExceededException({
        message: `A service can have at most ${mostTaskSets} task sets.`,
        $metadata: {},
      });
    return { ...service, deployments: [...service.deployments, taskSet] };
  });
  return { taskSet: viewOf(changed, id) };
}

function launchOf(service: Service, otherwise: () => ServiceLaunch): ServiceLaunch {
  if (service.capacityProviderStrategy?.length) return { capacityProviderStrategy: service.capacityProviderStrategy };
  return service.launchType ? { launchType: service.launchType } : otherwise();
}

export async function updateTaskSet(
  deps: EcsDeps,
  input: UpdateTaskSetRequest,
  { caller }: RequestContext,
): Promise<UpdateTaskSetResponse> {
  const found = await findActiveService(deps, caller, input);
  assertExternal(found.service);
  const id = idOf(found.service, input.taskSet);
  const scale = validScale(input.scale);
  const changed = await change(deps, found.service, (service) =>
    withTaskSet(service, id, (each) => ({
      ...each,
      updatedAt: deps.clock(),
      ...(each.taskSet && { taskSet: { ...each.taskSet, scale, steady: false, steadyAt: deps.clock() } }),
    })),
  );
  return { taskSet: viewOf(changed, id) };
}

export async function deleteTaskSet(
  deps: EcsDeps,
  input: DeleteTaskSetRequest,
  { caller }: RequestContext,
): Promise<DeleteTaskSetResponse> {
  const found = await findActiveService(deps, caller, input);
  assertExternal(found.service);
  const id = idOf(found.service, input.taskSet);
  const changed = await change(deps, found.service, (service) =>
    withTaskSet(service, id, (each) => {
      if (!input.force && (each.taskSet?.scale ?? 0) > 0)
        throw invalidParameter('The task set cannot be deleted while it is scaled above 0. Use force.');
      return {
        ...each,
        status: 'DRAINING',
        updatedAt: deps.clock(),
        ...(each.taskSet && { taskSet: { ...each.taskSet, scale: 0, steady: false, steadyAt: deps.clock() } }),
      };
    }),
  );
  return { taskSet: viewOf(changed, id) };
}

export async function describeTaskSets(
  deps: EcsDeps,
  input: DescribeTaskSetsRequest,
  { caller }: RequestContext,
): Promise<DescribeTaskSetsResponse> {
  const found = await findService(deps, caller, input);
  assertExternal(found.service);
  const { service } = found;
  const tags = input.include?.includes('TAGS') ?? false;
  if (!input.taskSets?.length)
    return { taskSets: service.deployments.map((each) => taskSetView(found, each, { tags })), failures: [] };
  const ids = [...new Set(input.taskSets.map((identifier) => idOf(service, identifier)))];
  const known = new Map(service.deployments.map((each) => [each.id, each]));
  return {
    taskSets: ids.flatMap((id) => {
      const each = known.get(id);
      return each ? [taskSetView(found, each, { tags })] : [];
    }),
    failures: ids.filter((id) => !known.has(id)).map((id) => missing(taskSetArn(service, id))),
  };
}

export async function updateServicePrimaryTaskSet(
  deps: EcsDeps,
  input: UpdateServicePrimaryTaskSetRequest,
  { caller }: RequestContext,
): Promise<UpdateServicePrimaryTaskSetResponse> {
  const found = await findActiveService(deps, caller, input);
  assertExternal(found.service);
  const id = idOf(found.service, input.primaryTaskSet);
  const changed = await change(deps, found.service, (service) => {
    const demoted: Service = {
      ...service,
      deployments: service.deployments.map((each) =>
        each.status === 'PRIMARY' ? { ...each, status: 'ACTIVE' } : each,
      ),
    };
    return withTaskSet(demoted, id, (each) => {
      if (each.status === 'DRAINING') throw invalidParameter('The task set is being deleted.');
      return { ...each, status: 'PRIMARY', updatedAt: deps.clock() };
    });
  });
  return { taskSet: viewOf(changed, id) };
}

async function change(
  deps: EcsDeps,
  named: Service,
  edit: (service: Service) => Service | undefined,
): Promise<StoredService> {
  const changed = await deps.store.services.change(named, (service) => {
    if (service.status !== 'ACTIVE') throw serviceNotActive();
    const next = edit(service);
    return next && { service: next };
  });
  if (!changed) throw serviceNotFound();
  deps.wakeService?.(serviceKey(named));
  return changed;
}

function withTaskSet(service: Service, id: string, edit: (taskSet: Deployment) => Deployment): Service {
  if (!service.deployments.some((each) => each.id === id)) throw taskSetNotFound();
  return { ...service, deployments: service.deployments.map((each) => (each.id === id ? edit(each) : each)) };
}

/** `ecs-svc/…`, its digits alone, or the ARN. */
function idOf(service: Service, identifier: string | undefined): string {
  if (identifier === undefined || identifier === '') throw invalidParameter('Task set cannot be blank.');
  const prefix = `${taskSetArn(service, '')}`;
  if (identifier.startsWith('arn:')) {
    if (!identifier.startsWith(prefix)) throw taskSetNotFound();
    return identifier.slice(prefix.length);
  }
  return identifier.startsWith('ecs-svc/') ? identifier : `ecs-svc/${identifier}`;
}

function viewOf(stored: StoredService, id: string) {
  const taskSet = stored.service.deployments.find((each) => each.id === id);
  if (!taskSet) throw taskSetNotFound();
  return taskSetView(stored, taskSet, { tags: true });
}

function validScale(scale: Scale | undefined): number {
  const { value = 0, unit = 'PERCENT' } = scale ?? {};
  if (unit !== 'PERCENT') throw invalidParameter('The unit of a scale must be PERCENT.');
  if (value < 0 || value > 100) throw invalidParameter('The value of a scale must be from 0 to 100.');
  return value;
}

function assertExternal({ controller }: Service): void {
  if (controller !== 'EXTERNAL')
    throw invalidParameter('Task sets are only supported for services with an EXTERNAL deployment controller.');
}

function taskSetNotFound(): TaskSetNotFoundException {
  return new TaskSetNotFoundException({ message: 'The specified task set was not found.', $metadata: {} });
}
