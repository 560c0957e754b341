/** CreateService. */
import { createHash } from 'node:crypto';
import type { CreateServiceRequest, CreateServiceResponse } from '@aws-sdk/client-ecs';
import type { Service } from '../../../core/service/service.ts';
import { serviceKey } from '../../../core/service/service.ts';
import type { RequestContext } from '../../operation.ts';
import { isName } from '../arn.ts';
import { activeCluster } from '../cluster-lookup.ts';
import type { EcsDeps } from '../deps.ts';
import { clusterNotFound, invalidParameter, unsupportedFeature } from '../errors.ts';
import { canonicalJson } from '../pagination.ts';
import { validTags } from '../tag-rules.ts';
import { validDeploymentConfiguration } from './deployment-configuration.ts';
import { newDeploymentId, newServiceDeploymentId } from './ids.ts';
import { type ServiceLaunch, serviceLaunch } from './launch.ts';
import { withDeployment } from './new-deployment.ts';
import { definitionForService, newRevision, refuseWithoutTaskRole } from './revision.ts';
import { refuseUnbuiltService } from './unbuilt.ts';
import { serviceView } from './view.ts';

export async function createService(
  deps: EcsDeps,
  input: CreateServiceRequest,
  { caller }: RequestContext,
): Promise<CreateServiceResponse> {
  const { store } = deps;
  const { cluster } = await activeCluster(store, caller, input.cluster);
  const name = validServiceName(input.serviceName);
  const asked = digestOf(input);
  for (;;) {
    const [existing] = await store.services.get(caller, cluster.name, [name]);
    if (existing && existing.service.status !== 'INACTIVE') {
      assertSame(existing.service, asked);
      const events = await store.services.events(serviceKey(existing.service));
      return { service: serviceView(existing, { events, tags: true }) };
    }
    const launch = launchOf(input, cluster);
    const base = await newService(deps, input, { caller, clusterName: cluster.name, name, asked, launch });
    const service = base.controller === 'ECS' ? await firstDeployment(deps, input, base, launch) : base;
    const answer = await store.services.write(existing, { service, work: 'new', lookAgainAt: null, waitsSince: null });
    if (answer === 'cluster-inactive') throw clusterNotFound();
    if (answer === 'conflict') continue;
    deps.wakeService?.(serviceKey(service));
    return { service: serviceView({ service, counts: {} }, { events: [], tags: true }) };
  }
}

function validServiceName(name: string | undefined): string {
  if (name === undefined || !isName(name))
    throw invalidParameter(
      'The service name is invalid. It must be up to 255 letters, numbers, underscores and hyphens.',
    );
  return name;
}

function digestOf({ clientToken: _, ...parameters }: CreateServiceRequest): string {
  return createHash('sha256').update(canonicalJson(parameters)).digest('base64url');
}

function assertSame({ status, createDigest }: Service, asked: string): void {
  if (status === 'DRAINING') throw invalidParameter('Unable to Start a service that is still Draining.');
  if (createDigest !== asked) throw invalidParameter('Creation of service was not idempotent.');
}

/** Task sets say for themselves where they run. */
function launchOf(
  input: CreateServiceRequest,
  cluster: Parameters<typeof serviceLaunch>[1],
): ServiceLaunch | undefined {
  const isExternal = input.deploymentController?.type === 'EXTERNAL';
  if (isExternal && input.launchType === undefined && !input.capacityProviderStrategy?.length) return undefined;
  return serviceLaunch(input, cluster);
}

async function newService(
  { clock, lambdaEndpoint }: EcsDeps,
  input: CreateServiceRequest,
  found: {
    readonly caller: RequestContext['caller'];
    readonly clusterName: string;
    readonly name: string;
    readonly asked: string;
    readonly launch: ServiceLaunch | undefined;
  },
): Promise<Service> {
  refuseUnbuiltService(input);
  if (input.role)
    throw invalidParameter('You cannot specify an IAM role for services that require a service linked role.');
  if (input.schedulingStrategy === 'DAEMON')
    throw invalidParameter('Fargate tasks do not support the DAEMON scheduling strategy.');
  const controller = validController(input);
  const deploymentConfiguration = validDeploymentConfiguration(
    input.deploymentConfiguration,
    undefined,
    lambdaEndpoint,
  );
  if (controller === 'EXTERNAL' && deploymentConfiguration.deploymentCircuitBreaker?.enable)
    throw invalidParameter('The deployment circuit breaker can only be used with the ECS deployment controller.');
  return {
    accountId: found.caller.accountId,
    region: found.caller.region,
    clusterName: found.clusterName,
    name: found.name,
    status: 'ACTIVE',
    createdAt: clock(),
    createdBy: found.caller.arn,
    desiredCount: validDesiredCount(input.desiredCount, controller),
    controller,
    ...found.launch,
    platformVersion: input.platformVersion || 'LATEST',
    deploymentConfiguration,
    healthCheckGracePeriodSeconds: validGracePeriod(input.healthCheckGracePeriodSeconds),
    availabilityZoneRebalancing: validRebalancing(
      input.availabilityZoneRebalancing,
      deploymentConfiguration.maximumPercent,
    ),
    enableExecuteCommand: input.enableExecuteCommand ?? false,
    enableECSManagedTags: input.enableECSManagedTags ?? false,
    propagateTags: input.propagateTags ?? 'NONE',
    tags: validTags(input.tags),
    ...(input.clientToken !== undefined && { clientToken: validClientToken(input.clientToken) }),
    createDigest: found.asked,
    deployments: [],
    stopping: {},
    said: {},
  };
}

async function firstDeployment(
  deps: EcsDeps,
  input: CreateServiceRequest,
  service: Service,
  launch: ServiceLaunch = { launchType: 'FARGATE' },
): Promise<Service> {
  if (!input.taskDefinition) throw invalidParameter('TaskDefinition cannot be blank.');
  const definition = await definitionForService(deps, service, input.taskDefinition);
  if (service.enableExecuteCommand) refuseWithoutTaskRole(definition, 'created');
  const revision = newRevision(
    deps,
    definition,
    {
      networkConfiguration: input.networkConfiguration,
      platformVersion: input.platformVersion,
      enableExecuteCommand: service.enableExecuteCommand,
      serviceConnectConfiguration: input.serviceConnectConfiguration,
    },
    launch,
  );
  return withDeployment(
    service,
    {},
    {
      id: newDeploymentId(deps),
      serviceDeploymentId: newServiceDeploymentId(deps),
      revision,
      now: deps.clock(),
    },
  ).service;
}

function validController({ deploymentController, taskDefinition }: CreateServiceRequest): Service['controller'] {
  const type = deploymentController?.type ?? 'ECS';
  if (type === 'CODE_DEPLOY')
    throw unsupportedFeature(
      'The CODE_DEPLOY deployment controller is not supported: this endpoint has neither AWS CodeDeploy nor load balancers. Use the ECS controller, with the BLUE_GREEN strategy where two revisions are to run side by side.',
    );
  if (type === 'EXTERNAL' && taskDefinition)
    throw invalidParameter(
      'A task definition cannot be specified for a service with an EXTERNAL deployment controller.',
    );
  return type;
}

export function validDesiredCount(count: number | undefined, controller: Service['controller']): number {
  if (count === undefined && controller === 'EXTERNAL') return 0;
  if (count === undefined)
    throw invalidParameter('The desired count must be specified for the REPLICA scheduling strategy.');
  if (count < 0) throw invalidParameter('The desired count must not be negative.');
  if (count > 5000) throw invalidParameter('The desired count must be at most 5000.');
  return count;
}

export function validGracePeriod(seconds = 0): number {
  if (seconds < 0 || seconds > 2_147_483_647)
    throw invalidParameter('healthCheckGracePeriodSeconds must be from 0 to 2147483647.');
  return seconds;
}

export function validRebalancing(
  asked: Service['availabilityZoneRebalancing'] | undefined,
  maximumPercent: number,
  usual: Service['availabilityZoneRebalancing'] = 'ENABLED',
): Service['availabilityZoneRebalancing'] {
  if (maximumPercent > 100) return asked ?? usual;
  if (asked === 'ENABLED')
    throw invalidParameter('Availability Zone rebalancing needs a maximumPercent greater than 100.');
  return 'DISABLED';
}

export function validClientToken(token: string): string {
  if (token.length > 36 || !/^[!-~]+$/.test(token))
    throw invalidParameter('clientToken must consist of up to 36 characters in the range of 33 to 126.');
  return token;
}
