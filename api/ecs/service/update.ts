/** UpdateService: some members start a new deployment, others only change how the scheduler goes on. */
import type { UpdateServiceRequest, UpdateServiceResponse } from '@aws-sdk/client-ecs';
import type { Cluster } from '../../../core/cluster.ts';
import { primaryOf, type Service, serviceKey } from '../../../core/service/service.ts';
import type { StoredService } from '../../../core/store/store.ts';
import type { TaskDefinition } from '../../../core/task-definition.ts';
import type { RequestContext } from '../../operation.ts';
import { activeCluster } from '../cluster-lookup.ts';
import type { EcsDeps } from '../deps.ts';
import { invalidParameter, unsupportedFeature } from '../errors.ts';
import { canonicalJson } from '../pagination.ts';
import { validDesiredCount, validGracePeriod, validRebalancing } from './create.ts';
import { validDeploymentConfiguration } from './deployment-configuration.ts';
import { newDeploymentId, newServiceDeploymentId } from './ids.ts';
import { type ServiceLaunch, serviceLaunch } from './launch.ts';
import { findActiveService, serviceNotActive, serviceNotFound } from './lookup.ts';
import { withDeployment } from './new-deployment.ts';
import { definitionForService, newRevision, refuseWithoutTaskRole } from './revision.ts';
import { refuseUnbuiltService } from './unbuilt.ts';
import { serviceView } from './view.ts';

export async function updateService(
  deps: EcsDeps,
  input: UpdateServiceRequest,
  { caller }: RequestContext,
): Promise<UpdateServiceResponse> {
  const { cluster } = await activeCluster(deps.store, caller, input.cluster);
  const found = await findActiveService(deps, caller, input);
  refuseUnbuiltService(input);
  refuseForController(found.service, input);
  const definition = await definitionAsked(deps, found.service, input);
  await refuseExecuteCommand(deps, found.service, input, definition);
  const changed = await deps.store.services.change(found.service, (service, stored) => {
    if (service.status !== 'ACTIVE') throw serviceNotActive();
    const settled = withSettings(deps, service, input, cluster);
    return definition && isNewDeployment(service, definition, input)
      ? deploy(deps, settled, stored, definition, input)
      : { service: settled };
  });
  if (!changed) throw serviceNotFound();
  const key = serviceKey(changed.service);
  deps.wakeService?.(key);
  const events = await deps.store.services.events(key);
  return { service: serviceView(changed, { events, tags: true }) };
}

/** ECS lets only the count and the grace period of services change that it does not deploy itself. */
function refuseForController({ controller }: Service, input: UpdateServiceRequest): void {
  const asked = input.deploymentController?.type;
  if (asked !== undefined && asked !== controller)
    throw unsupportedFeature(`The deployment controller of a service cannot be changed to ${asked} here.`);
  if (controller !== 'EXTERNAL') return;
  const members = {
    'task definition': input.taskDefinition,
    'network configuration': input.networkConfiguration,
    'platform version': input.platformVersion,
    'capacity provider strategy': input.capacityProviderStrategy,
    'deployment configuration': input.deploymentConfiguration,
    'force new deployment': input.forceNewDeployment || undefined,
  };
  for (const [name, value] of Object.entries(members))
    if (value !== undefined)
      throw invalidParameter(`Unable to update ${name} on services with an EXTERNAL deployment controller.`);
}

/** undefined: nothing in the request can start a deployment. */
async function definitionAsked(
  deps: EcsDeps,
  service: Service,
  input: UpdateServiceRequest,
): Promise<TaskDefinition | undefined> {
  const { taskDefinition, forceNewDeployment, networkConfiguration, platformVersion } = input;
  if (!taskDefinition && !forceNewDeployment && !networkConfiguration && !platformVersion) return undefined;
  const primary = primaryOf(service)?.revision;
  return await definitionForService(deps, service, taskDefinition || `${primary?.family}:${primary?.revision}`);
}

/** ECS Exec needs a task role, also where only the next tasks of what runs are to have it. */
async function refuseExecuteCommand(
  { store }: EcsDeps,
  service: Service,
  { enableExecuteCommand }: UpdateServiceRequest,
  asked: TaskDefinition | undefined,
): Promise<void> {
  const running = primaryOf(service)?.revision;
  if (!enableExecuteCommand || (!asked && !running)) return;
  const definition = asked ?? (running && (await store.taskDefinitions.get(service, running)));
  refuseWithoutTaskRole(definition, 'updated');
}

function isNewDeployment(service: Service, definition: TaskDefinition, input: UpdateServiceRequest): boolean {
  const revision = primaryOf(service)?.revision;
  const { networkConfiguration: network, platformVersion } = input;
  return (
    input.forceNewDeployment === true ||
    definition.body.family !== revision?.family ||
    definition.revision !== revision.revision ||
    (platformVersion !== undefined && platformVersion !== service.platformVersion) ||
    (network !== undefined && !isSameNetwork(network, revision.networkConfiguration))
  );
}

type Network = UpdateServiceRequest['networkConfiguration'];

function isSameNetwork(asked: Network, has: Network): boolean {
  const full = ({ awsvpcConfiguration: vpc }: NonNullable<Network> = {}) =>
    canonicalJson([vpc?.subnets, vpc?.securityGroups ?? [], vpc?.assignPublicIp ?? 'DISABLED']);
  return full(asked) === full(has);
}

/** What changes without a new deployment: it counts from the next task on. */
function withSettings(deps: EcsDeps, service: Service, input: UpdateServiceRequest, cluster: Cluster): Service {
  const deploymentConfiguration = input.deploymentConfiguration
    ? validDeploymentConfiguration(input.deploymentConfiguration, service.deploymentConfiguration, deps.lambdaEndpoint)
    : service.deploymentConfiguration;
  const { steadySince, ...rest } = service;
  const moved = input.desiredCount !== undefined && input.desiredCount !== service.desiredCount;
  return {
    ...rest,
    ...(steadySince !== undefined && !moved && { steadySince }),
    ...launchChange(service, input, cluster),
    deploymentConfiguration,
    ...(input.desiredCount !== undefined && {
      desiredCount: validDesiredCount(input.desiredCount, service.controller),
      rebalancing: false,
    }),
    ...(input.healthCheckGracePeriodSeconds !== undefined && {
      healthCheckGracePeriodSeconds: validGracePeriod(input.healthCheckGracePeriodSeconds),
    }),
    availabilityZoneRebalancing: validRebalancing(
      input.availabilityZoneRebalancing,
      deploymentConfiguration.maximumPercent,
      service.availabilityZoneRebalancing,
    ),
    ...(input.enableExecuteCommand !== undefined && { enableExecuteCommand: input.enableExecuteCommand }),
    ...(input.enableECSManagedTags !== undefined && { enableECSManagedTags: input.enableECSManagedTags }),
    ...(input.propagateTags !== undefined && { propagateTags: input.propagateTags }),
    ...(input.platformVersion !== undefined && { platformVersion: input.platformVersion || 'LATEST' }),
  };
}

/** An empty strategy goes back to the launch type. What runs keeps what it was started with. */
function launchChange(
  service: Service,
  { capacityProviderStrategy: asked, forceNewDeployment }: UpdateServiceRequest,
  cluster: Cluster,
): Partial<Service> {
  if (asked === undefined) return {};
  const launch: ServiceLaunch =
    asked.length > 0 ? serviceLaunch({ capacityProviderStrategy: asked }, cluster) : { launchType: 'FARGATE' };
  const strategy = 'launchType' in launch ? [] : launch.capacityProviderStrategy;
  if (!forceNewDeployment && canonicalJson(strategy) !== canonicalJson(service.capacityProviderStrategy ?? []))
    throw invalidParameter(
      'When switching from launch type to capacity provider strategy on an existing service, or making a change to a ' +
        'capacity provider strategy on a service that is already using one, you must force a new deployment.',
    );
  return withoutLaunch(launch);
}

function withoutLaunch(launch: ServiceLaunch): Partial<Service> {
  return 'launchType' in launch ? { ...launch, capacityProviderStrategy: [] } : launch;
}

function deploy(
  deps: EcsDeps,
  service: Service,
  stored: StoredService,
  definition: TaskDefinition,
  input: UpdateServiceRequest,
) {
  const before = primaryOf(service)?.revision;
  const launch: ServiceLaunch = service.capacityProviderStrategy?.length
    ? { capacityProviderStrategy: service.capacityProviderStrategy }
    : { launchType: 'FARGATE' };
  const revision = newRevision(
    deps,
    definition,
    {
      networkConfiguration: input.networkConfiguration ?? before?.networkConfiguration,
      platformVersion: service.platformVersion,
      enableExecuteCommand: service.enableExecuteCommand,
      serviceConnectConfiguration: input.serviceConnectConfiguration ?? before?.serviceConnectConfiguration,
    },
    launch,
  );
  return withDeployment(service, stored.counts, {
    id: newDeploymentId(deps),
    serviceDeploymentId: newServiceDeploymentId(deps),
    revision,
    now: deps.clock(),
  });
}
