/** RunTask: judge the request as a whole, then record and place its tasks in one step. */
import { createHash } from 'node:crypto';
import { ConflictException, type RunTaskRequest, type RunTaskResponse } from '@aws-sdk/client-ecs';
import { taskArn } from '../../../core/arn.ts';
import { effectiveContainers, effectiveTask } from '../../../core/overrides.ts';
import { runtimeFor } from '../../../core/runtime-choice.ts';
import type { Lack, PlaceRequest, PlaceResult } from '../../../core/store/store.ts';
import type { Task } from '../../../core/task.ts';
import type { TaskDefinitionBody } from '../../../core/task-definition.ts';
import type { Caller, RequestContext } from '../../operation.ts';
import { activeCluster } from '../cluster-lookup.ts';
import type { EcsDeps } from '../deps.ts';
import { clusterNotFound, invalidParameter, unsupportedFeature } from '../errors.ts';
import { canonicalJson } from '../pagination.ts';
import { taskView } from '../task-view.ts';
import { noCapacity } from './capacity.ts';
import { definitionToRun } from './definition.ts';
import { chooseProviders } from './launch.ts';
import { validNetwork } from './network.ts';
import { validOverrides } from './overrides.ts';
import { refuseUnusable, validClientToken, validCount, validGroup, validStartedBy } from './parameters.ts';
import { choosePlatform } from './platform.ts';
import { tagsOfNewTask } from './tags.ts';
import { type Blueprint, newTaskSpec } from './task-spec.ts';
import { refuseUnbuilt } from './unbuilt.ts';
import { refuseUnmappedVolumes } from './volumes.ts';

export async function runTask(
  deps: EcsDeps,
  input: RunTaskRequest,
  { caller }: RequestContext,
): Promise<RunTaskResponse> {
  const count = validCount(input.count);
  const token = tokenOf(input);
  // A repeated request gets its tasks, whatever became of the cluster and the definition since.
  const result =
    (token && (await deps.store.tasks.placedBefore(caller, token))) ??
    (await place(deps, input, { caller, count, token }));
  switch (result.outcome) {
    case 'placed':
      return answer(result.tasks, result);
    case 'repeated':
      return answer(result.tasks, { unplaced: count - result.placed });
    case 'token-conflict':
      throw new ConflictException({
        message: 'The provided clientToken is already in use with a different RunTask request.',
        resourceIds: result.tasks.map(({ spec }) => taskArn(spec, spec.clusterName, spec.taskId)),
        $metadata: {},
      });
    case 'cluster-inactive':
    case 'service-changed':
      throw clusterNotFound();
  }
}

function answer(
  tasks: readonly Task[],
  { unplaced, lacking }: { readonly unplaced: number; readonly lacking?: Lack },
): RunTaskResponse {
  return {
    tasks: tasks.map((task) => taskView(task, { tags: true })),
    failures: Array.from({ length: unplaced }, () => noCapacity(lacking)),
  };
}

async function place(
  { store, clock, newUuid, efs, clusterRuntime }: EcsDeps,
  input: RunTaskRequest,
  { caller, count, token }: { readonly caller: Caller; readonly count: number; readonly token: Token | undefined },
): Promise<PlaceResult> {
  const startedBy = validStartedBy(input.startedBy);
  const { cluster } = await activeCluster(store, caller, input.cluster);
  const definition = await definitionToRun(store, caller, input.taskDefinition ?? '');
  const providers = chooseProviders(input, cluster, count);
  const judged = judgeAgainst(definition.body, input);
  refuseUnmappedVolumes(definition.body, efs);
  const blueprint: Blueprint = {
    ...judged,
    scope: caller,
    clusterName: cluster.name,
    runtime: runtimeFor(cluster, clusterRuntime),
    definition,
    startedBy,
    createdAt: clock(),
  };
  const tags = tagsOfNewTask(input, definition.tags, cluster.name);
  return await store.tasks.place(caller, {
    clusterName: cluster.name,
    tasks: providers.map((capacityProviderName, index) => ({
      spec: newTaskSpec(blueprint, { index, capacityProviderName, newUuid }),
      wanted: { tags },
    })),
    ...(token !== undefined && { token }),
  });
}

type Token = NonNullable<PlaceRequest['token']>;

function tokenOf(input: RunTaskRequest): Token | undefined {
  const value = validClientToken(input.clientToken);
  return value === undefined ? undefined : { value, requestDigest: digestOf(input) };
}

/**
 * What the request says about the definition, once both are known to go together.
 * @throws InvalidParameterException, UnsupportedFeatureException and what choosePlatform throws
 */
export function judgeAgainst(
  definition: TaskDefinitionBody,
  input: RunTaskRequest,
): Pick<Blueprint, 'overrides' | 'network' | 'platform' | 'group' | 'enableExecuteCommand'> {
  refuseUnusable(input);
  refuseVolumes(input, definition);
  if (!definition.compatibilities?.includes('FARGATE'))
    throw invalidParameter('Task definition does not support launch_type FARGATE.');
  const network = validNetwork(definition.networkMode, input.networkConfiguration);
  const overrides = validOverrides(definition, input.overrides);
  const task = effectiveTask(definition, overrides);
  const { enableExecuteCommand = false, platformVersion } = input;
  if (enableExecuteCommand && task.taskRoleArn === undefined)
    throw invalidParameter(
      'The execute command failed because a valid task role is not being used. Specify a valid task role in your ' +
        'task definition or as a task override and try again.',
    );
  const effective = { ...definition, containerDefinitions: [...effectiveContainers(definition, overrides)] };
  refuseUnbuilt(effective);
  return {
    network,
    overrides,
    enableExecuteCommand,
    platform: choosePlatform(platformVersion, { definition: effective, task, enableExecuteCommand }),
    group: validGroup(input.group, definition.family),
  };
}

function refuseVolumes(input: RunTaskRequest, definition: TaskDefinitionBody): void {
  if (input.volumeConfigurations?.length || definition.volumes?.some((volume) => volume.configuredAtLaunch))
    throw unsupportedFeature('Amazon EBS volumes, which are configured at launch, are not supported.');
}

/** Equal for requests that ask for the same thing, whatever the order of their members. */
function digestOf({ clientToken: _, ...parameters }: RunTaskRequest): string {
  return createHash('sha256').update(canonicalJson(parameters)).digest('base64url');
}
