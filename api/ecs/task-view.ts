/** A stored task as ECS describes it. Pure. */
import type { Attachment, Container, KeyValuePair, Task as SdkTask } from '@aws-sdk/client-ecs';
import { clusterArn, containerArn, taskArn, taskDefinitionArn } from '../../core/arn.ts';
import {
  containerHealthStatus,
  containerLastStatus,
  desiredStatus,
  healthStatus,
  lastStatus,
  stopDecision,
} from '../../core/lifecycle.ts';
import type { Millis, Task, TaskContainerSpec } from '../../core/task.ts';
import { managedAgents } from './managed-agent.ts';

/** @param options.tags false: the list of tags is there, but empty, as without `include: [TAGS]` */
export function taskView(task: Task, options: { readonly tags: boolean }): SdkTask {
  const { spec, wanted, observed } = task;
  const stop = stopDecision(task);
  return {
    attachments: [attachment(task)],
    attributes: [{ name: 'ecs.cpu-architecture', value: spec.cpuArchitecture === 'ARM64' ? 'arm64' : 'x86_64' }],
    availabilityZone: spec.availabilityZone,
    ...(spec.capacityProviderName !== undefined && { capacityProviderName: spec.capacityProviderName }),
    clusterArn: clusterArn(spec, spec.clusterName),
    ...(observed.connectivityAt !== undefined && { connectivity: 'CONNECTED' }),
    ...date('connectivityAt', observed.connectivityAt),
    containers: spec.containers.map((container) => containerView(task, container)),
    cpu: String(spec.cpu),
    createdAt: new Date(spec.createdAt),
    desiredStatus: desiredStatus(task),
    enableExecuteCommand: spec.enableExecuteCommand,
    ...date('executionStoppedAt', observed.executionStoppedAt),
    group: spec.group,
    healthStatus: healthStatus(task),
    inferenceAccelerators: [],
    lastStatus: lastStatus(task),
    launchType: 'FARGATE',
    memory: String(spec.memory),
    overrides: spec.overrides,
    platformVersion: spec.platformVersion,
    platformFamily: spec.platformFamily,
    ...date('pullStartedAt', observed.pullStartedAt),
    ...date('pullStoppedAt', observed.pullStoppedAt),
    ...date('startedAt', observed.startedAt),
    ...(spec.startedBy !== undefined && { startedBy: spec.startedBy }),
    ...(stop !== undefined && { stopCode: stop.code, stoppedReason: stop.reason }),
    ...date('stoppedAt', observed.stoppedAt),
    // When it was decided: StopTask's own answer has it, though the containers still run.
    ...date('stoppingAt', stop?.at ?? observed.stoppingAt),
    tags: options.tags ? [...wanted.tags] : [],
    taskArn: taskArn(spec, spec.clusterName, spec.taskId),
    taskDefinitionArn: taskDefinitionArn(spec, spec.family, spec.revision),
    version: task.version,
    ephemeralStorage: { sizeInGiB: spec.ephemeralStorageGiB },
    fargateEphemeralStorage: { sizeInGiB: spec.ephemeralStorageGiB },
  };
}

function containerView(task: Task, container: TaskContainerSpec): Container {
  const { spec, observed } = task;
  const seen = observed.containers[container.name];
  const address = observed.networkInterface?.privateIpv4Address;
  return {
    containerArn: containerArn(spec, spec.clusterName, spec.taskId, container.id),
    taskArn: taskArn(spec, spec.clusterName, spec.taskId),
    name: container.name,
    image: container.image,
    ...(seen?.imageDigest !== undefined && { imageDigest: seen.imageDigest }),
    ...((seen?.createdAt ?? seen?.startedAt) !== undefined && { runtimeId: container.runtimeId }),
    lastStatus: containerLastStatus(task, container.name),
    ...(seen?.exitCode !== undefined && { exitCode: seen.exitCode }),
    ...(seen?.reason !== undefined && { reason: seen.reason }),
    networkBindings: [],
    networkInterfaces: address === undefined ? [] : [{ attachmentId: spec.attachmentId, privateIpv4Address: address }],
    healthStatus: containerHealthStatus(task, container.name),
    ...managedAgents(task, container.name),
    cpu: String(container.cpu),
    ...(container.memory !== undefined && { memory: String(container.memory) }),
    ...(container.memoryReservation !== undefined && { memoryReservation: String(container.memoryReservation) }),
  };
}

/** Details come in ECS's order, each from the moment that it is known. */
function attachment({ spec, observed }: Task): Attachment {
  const seen = observed.networkInterface;
  const details: KeyValuePair[] = [{ name: 'subnetId', value: spec.subnetId }];
  if (seen !== undefined)
    details.push(
      { name: 'networkInterfaceId', value: seen.id },
      { name: 'macAddress', value: seen.macAddress },
      { name: 'privateDnsName', value: seen.privateDnsName },
      { name: 'privateIPv4Address', value: seen.privateIpv4Address },
    );
  return { id: spec.attachmentId, type: 'ElasticNetworkInterface', status: attachmentStatus(observed), details };
}

function attachmentStatus(observed: Task['observed']): string {
  if (observed.stoppedAt !== undefined) return 'DELETED';
  if (observed.networkInterface === undefined) return 'PRECREATED';
  return observed.deprovisioningAt === undefined ? 'ATTACHED' : 'DETACHING';
}

type DateMember =
  | 'connectivityAt'
  | 'executionStoppedAt'
  | 'pullStartedAt'
  | 'pullStoppedAt'
  | 'startedAt'
  | 'stoppedAt'
  | 'stoppingAt';

function date<Name extends DateMember>(name: Name, at: Millis | undefined): Partial<Record<Name, Date>> {
  return at === undefined ? {} : ({ [name]: new Date(at) } as Record<Name, Date>);
}
