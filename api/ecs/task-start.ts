import type { StartTaskRequest, StartTaskResponse } from '@aws-sdk/client-ecs';
import { containerInstanceArn } from '../../core/arn.ts';
import type { RequestContext } from '../operation.ts';
import { findIdInCluster } from './arn.ts';
import { activeCluster } from './cluster-lookup.ts';
import type { EcsDeps } from './deps.ts';
import { invalidParameter } from './errors.ts';
import { missing } from './failures.ts';
import { definitionToRun } from './run-task/definition.ts';

const mostInstances = 10;

/** StartTask places on container instances by name; no cluster here has any, so each one asked for is missing. */
export async function startTask(
  { store }: EcsDeps,
  input: StartTaskRequest,
  { caller }: RequestContext,
): Promise<StartTaskResponse> {
  const instances = input.containerInstances ?? [];
  if (instances.length === 0) throw invalidParameter('Container instances cannot be empty.');
  if (instances.length > mostInstances) throw invalidParameter(`instanceIds can have at most ${mostInstances} items.`);
  const { cluster } = await activeCluster(store, caller, input.cluster);
  await definitionToRun(store, caller, input.taskDefinition ?? '');
  const failures = instances.map((instance) => {
    const id = findIdInCluster(caller, cluster.name, 'container-instance', instance);
    return missing(
      id === undefined || instance.startsWith('arn:') ? instance : containerInstanceArn(caller, cluster.name, id),
    );
  });
  return { tasks: [], failures };
}
