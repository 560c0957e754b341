/** Starts tasks of a deployment as RunTask would, fenced by the service's record. */
import { effectiveTask } from '../../core/overrides.ts';
import { runtimeFor } from '../../core/runtime-choice.ts';
import type { Deployment, Service } from '../../core/service/service.ts';
import { serviceKey } from '../../core/service/service.ts';
import type { Placement } from '../../core/service-plan/draft.ts';
import type { StoredService } from '../../core/store/store.ts';
import type { TaskDefinition } from '../../core/task-definition.ts';
import { noCapacityReason } from '../ecs/run-task/capacity.ts';
import { validNetwork } from '../ecs/run-task/network.ts';
import { validOverrides } from '../ecs/run-task/overrides.ts';
import { choosePlatform } from '../ecs/run-task/platform.ts';
import { type Blueprint, newTaskSpec } from '../ecs/run-task/task-spec.ts';
import { serviceTaskTags } from '../ecs/service/tags.ts';
import type { SchedulerDeps } from './deps.ts';

const clusterGone = 'Cluster not found';

/** @returns how many found no place, and why */
export async function placeTasks(
  { store, clock, newUuid, clusterRuntime }: SchedulerDeps,
  { service, revision }: Pick<StoredService, 'service' | 'revision'>,
  deployment: Deployment,
  placements: readonly Placement[],
): Promise<{ readonly unplaced: number; readonly reason: string } | 'service-changed'> {
  const { family, revision: number } = deployment.revision;
  // A definition that was deregistered since still runs: services keep what they were given.
  const definition = await store.taskDefinitions.get(service, { family, revision: number });
  if (!definition) return { unplaced: placements.length, reason: 'TaskDefinition not found' };
  const [stored] = await store.clusters.get(service, [service.clusterName]);
  if (!stored) return { unplaced: placements.length, reason: clusterGone };
  const runtime = runtimeFor(stored.cluster, clusterRuntime);
  const blueprint = { ...blueprintOf(service, deployment, definition, clock()), runtime };
  const tags = serviceTaskTags(service, definition.tags);
  const result = await store.tasks.place(service, {
    clusterName: service.clusterName,
    tasks: placements.map(({ subnetId, provider }, index) => ({
      spec: newTaskSpec(blueprint, { index, subnetId, capacityProviderName: provider, newUuid }),
      wanted: { tags },
    })),
    service: { key: serviceKey(service), revision, deploymentId: deployment.id },
  });
  if (result.outcome === 'placed') return { unplaced: result.unplaced, reason: noCapacityReason(result.lacking) };
  if (result.outcome === 'cluster-inactive') return { unplaced: placements.length, reason: clusterGone };
  return 'service-changed';
}

function blueprintOf(
  service: Service,
  deployment: Deployment,
  definition: TaskDefinition,
  createdAt: number,
): Omit<Blueprint, 'runtime'> {
  const { body } = definition;
  const overrides = validOverrides(body);
  const { enableExecuteCommand } = service;
  return {
    scope: service,
    clusterName: service.clusterName,
    definition,
    overrides,
    network: validNetwork(body.networkMode, deployment.revision.networkConfiguration),
    platform: choosePlatform(deployment.revision.platformVersion, {
      definition: body,
      task: effectiveTask(body, overrides),
      enableExecuteCommand,
    }),
    group: `service:${service.name}`,
    startedBy: deployment.id,
    serviceName: service.name,
    enableExecuteCommand,
    imageDigests: imageDigests(deployment, definition),
    createdAt,
  };
}

/**
 * All tasks of a revision run the images that its first one pulled, whatever their tags mean by now, unless the
 * definition says otherwise. (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html)
 */
function imageDigests({ revision }: Deployment, { body }: TaskDefinition): Readonly<Record<string, string>> {
  const loose = new Set(
    (body.containerDefinitions ?? [])
      .filter(({ versionConsistency }) => versionConsistency === 'disabled')
      .map(({ name }) => name),
  );
  return Object.fromEntries(
    revision.containerImages.flatMap(({ containerName, imageDigest }) =>
      imageDigest === undefined || loose.has(containerName) ? [] : [[containerName, imageDigest]],
    ),
  );
}
