/** What a deployment or task set of a service runs, judged as RunTask would judge it. */
import type { NetworkConfiguration, ServiceConnectConfiguration } from '@aws-sdk/client-ecs';
import type { Scope } from '../../../core/scope.ts';
import type { ServiceRevision } from '../../../core/service/service.ts';
import type { TaskDefinition } from '../../../core/task-definition.ts';
import { parseTaskDefinitionReference } from '../arn.ts';
import type { EcsDeps } from '../deps.ts';
import { clientError, invalidParameter } from '../errors.ts';
import { judgeAgainst } from '../run-task/run-task.ts';
import { refuseUnmappedVolumes } from '../run-task/volumes.ts';
import { newRevisionId } from './ids.ts';
import type { ServiceLaunch } from './launch.ts';

/** @throws ClientException when there is none, or it is not ACTIVE */
export async function definitionForService(
  { store }: EcsDeps,
  scope: Scope,
  identifier: string,
): Promise<TaskDefinition> {
  const reference = parseTaskDefinitionReference(scope, identifier);
  const definition =
    reference &&
    (reference.revision === undefined
      ? await store.taskDefinitions.latest(scope, reference.family)
      : await store.taskDefinitions.get(scope, { family: reference.family, revision: reference.revision }));
  if (!definition) throw clientError('TaskDefinition not found.');
  if (definition.status !== 'ACTIVE') throw clientError('TaskDefinition is inactive');
  return definition;
}

/** @throws InvalidParameterException in the words that ECS has for services */
export function refuseWithoutTaskRole(definition: TaskDefinition | undefined, done: 'created' | 'updated'): void {
  if (definition?.body.taskRoleArn === undefined)
    throw invalidParameter(
      `The service couldn't be ${done} because a valid taskRoleArn is not being used. Specify a valid task role in ` +
        'your task definition and try again.',
    );
}

export interface RevisionInput {
  readonly networkConfiguration?: NetworkConfiguration | undefined;
  readonly platformVersion?: string | undefined;
  readonly enableExecuteCommand: boolean;
  readonly serviceConnectConfiguration?: ServiceConnectConfiguration | undefined;
}

/** @throws what RunTask throws when the definition and the request do not go together */
export function newRevision(
  deps: EcsDeps,
  definition: TaskDefinition,
  input: RevisionInput,
  launch: ServiceLaunch,
): ServiceRevision {
  const { body, revision } = definition;
  const { platform } = judgeAgainst(body, {
    taskDefinition: body.family,
    networkConfiguration: input.networkConfiguration,
    platformVersion: input.platformVersion,
    enableExecuteCommand: input.enableExecuteCommand,
  });
  refuseUnmappedVolumes(body, deps.efs);
  return {
    id: newRevisionId(deps),
    createdAt: deps.clock(),
    family: body.family,
    revision,
    ...launch,
    platformVersion: platform.platformVersion,
    platformFamily: platform.platformFamily,
    ...(input.networkConfiguration && { networkConfiguration: withDefaults(input.networkConfiguration) }),
    ...(input.serviceConnectConfiguration && { serviceConnectConfiguration: { enabled: false } }),
    containerImages: (body.containerDefinitions ?? []).map(({ name = '', image = '' }) => ({
      containerName: name,
      image,
    })),
  };
}

function withDefaults({ awsvpcConfiguration: vpc }: NetworkConfiguration): NetworkConfiguration {
  if (!vpc) return {};
  return {
    awsvpcConfiguration: {
      subnets: vpc.subnets,
      securityGroups: vpc.securityGroups ?? [],
      assignPublicIp: vpc.assignPublicIp ?? 'DISABLED',
    },
  };
}
