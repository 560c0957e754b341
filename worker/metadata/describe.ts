/**
 * Tasks and containers as the metadata endpoint tells them, as Fargate's platform 1.4.0 does. Pure.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html
 */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import { clusterArn, containerArn, taskArn } from '../../core/arn.ts';
import { desiredStatus } from '../../core/lifecycle.ts';
import type { Millis, ObservedContainer, Task, TaskContainerSpec } from '../../core/task.ts';
import { containerLabels } from '../container-config.ts';

export type Version = 'v3' | 'v4';

export interface Subject {
  readonly task: Task;
  /** With the task's overrides. */
  readonly containers: readonly ContainerDefinition[];
  /** The worker's range. */
  readonly network: { readonly subnet: string; readonly gateway: string };
  /** Bytes that the task uses of its ephemeral storage; absent: not known. */
  readonly storageUsed?: number | undefined;
}

/** The agent's words, RESOURCES_PROVISIONED left out: nobody waits for it on Fargate. */
export type KnownStatus = 'NONE' | 'PULLED' | 'CREATED' | 'RUNNING' | 'STOPPED';

const order: readonly KnownStatus[] = ['NONE', 'PULLED', 'CREATED', 'RUNNING', 'STOPPED'];
/** CPU units of a container that asks for none. */
const leastCpu = 2;

export function describeTask(subject: Subject, version: Version): object {
  const { spec, observed } = subject.task;
  return {
    Cluster: clusterArn(spec, spec.clusterName),
    TaskARN: taskArn(spec, spec.clusterName, spec.taskId),
    Family: spec.family,
    Revision: String(spec.revision),
    ...(version === 'v4' && spec.serviceName !== undefined && { ServiceName: spec.serviceName }),
    DesiredStatus: desiredStatus(subject.task),
    KnownStatus: knownStatusOfTask(subject.task),
    Limits: { CPU: spec.cpu / 1024, Memory: spec.memory },
    ...time('PullStartedAt', observed.pullStartedAt),
    ...time('PullStoppedAt', observed.pullStoppedAt),
    ...time('ExecutionStoppedAt', observed.executionStoppedAt),
    AvailabilityZone: spec.availabilityZone,
    ...(version === 'v4' && { LaunchType: 'FARGATE' }),
    Containers: spec.containers
      .filter(({ name }) => known(subject.task, name) !== 'NONE')
      .map((container) => describeContainer(subject, container, version)),
    ...(version === 'v4' && { ...storage(subject), FaultInjectionEnabled: false }),
  };
}

/** MiB, as Fargate tells it. */
function storage({ task, storageUsed }: Subject): object {
  if (storageUsed === undefined) return {};
  const metrics = { Utilized: Math.round(storageUsed / 2 ** 20), Reserved: task.spec.ephemeralStorageGiB * 1024 };
  return { EphemeralStorageMetrics: metrics };
}

export function describeContainer(subject: Subject, container: TaskContainerSpec, version: Version): object {
  const { task, containers } = subject;
  const { name } = container;
  const definition = containers.find((each) => each.name === name) ?? {};
  const seen = task.observed.containers[name] ?? {};
  const status = known(task, name);
  return {
    DockerId: container.runtimeId,
    Name: name,
    DockerName: name,
    Image: container.image,
    ImageID: seen.imageDigest ?? '',
    Labels: containerLabels(task, definition),
    DesiredStatus: status === 'STOPPED' ? 'STOPPED' : desiredStatus(task),
    KnownStatus: status,
    ...(seen.exitCode !== undefined && { ExitCode: seen.exitCode }),
    Limits: {
      CPU: Math.max(container.cpu, leastCpu),
      ...(container.memory !== undefined && { Memory: container.memory }),
    },
    ...time('CreatedAt', seen.createdAt),
    ...time('StartedAt', seen.startedAt),
    ...time('FinishedAt', seen.finishedAt),
    Type: 'NORMAL',
    ...(container.hasHealthCheck && { Health: health(seen) }),
    ...(version === 'v4' && logs(definition, task)),
    ...(version === 'v4' && {
      ContainerARN: containerArn(task.spec, task.spec.clusterName, task.spec.taskId, container.id),
    }),
    Networks: networks(subject, version),
    ...(version === 'v4' && { Snapshotter: 'overlayfs' }),
    ...(version === 'v4' && definition.restartPolicy?.enabled && { RestartCount: seen.restartCount ?? 0 }),
  };
}

/** As far as the container that has come least far. */
function knownStatusOfTask(task: Task): KnownStatus {
  const ended = task.spec.containers.every(({ name }) => known(task, name) === 'STOPPED');
  if (ended || task.observed.stoppedAt !== undefined) return 'STOPPED';
  const places = task.spec.containers
    .map(({ name }) => order.indexOf(known(task, name)))
    // One that has ended and is not essential does not end the task.
    .map((place, index) => (place === 4 && !task.spec.containers[index]?.essential ? 3 : place));
  return order[Math.min(...places)] ?? 'NONE';
}

function known(task: Task, name: string): KnownStatus {
  const { finishedAt, startedAt, createdAt, imageDigest } = task.observed.containers[name] ?? {};
  if (finishedAt !== undefined) return 'STOPPED';
  if (startedAt !== undefined) return 'RUNNING';
  if (createdAt !== undefined) return 'CREATED';
  return imageDigest === undefined ? 'NONE' : 'PULLED';
}

function networks({ task, network }: Subject, version: Version): readonly object[] {
  const seen = task.observed.networkInterface;
  if (!seen) return [];
  const basic = { NetworkMode: 'awsvpc', IPv4Addresses: [seen.privateIpv4Address] };
  if (version === 'v3') return [basic];
  return [
    {
      ...basic,
      AttachmentIndex: 0,
      MACAddress: seen.macAddress,
      IPv4SubnetCIDRBlock: network.subnet,
      PrivateDNSName: seen.privateDnsName,
      SubnetGatewayIpv4Address: `${network.gateway}/${network.subnet.split('/')[1]}`,
    },
  ];
}

/** A status that is not known yet is left out. */
function health({ health: status }: ObservedContainer): object {
  return status === undefined || status === 'UNKNOWN' ? {} : { status };
}

/** The stream's name instead of its prefix, which is what the driver is given. */
function logs({ name, logConfiguration }: ContainerDefinition, { spec }: Task): object {
  if (!logConfiguration?.logDriver) return {};
  const { 'awslogs-stream-prefix': prefix, ...options } = logConfiguration.options ?? {};
  const stream = prefix === undefined ? {} : { 'awslogs-stream': `${prefix}/${name}/${spec.taskId}` };
  return { LogDriver: logConfiguration.logDriver, LogOptions: { ...options, ...stream } };
}

function time<Name extends string>(name: Name, at: Millis | undefined): Partial<Record<Name, string>> {
  return at === undefined ? {} : ({ [name]: new Date(at).toISOString() } as Record<Name, string>);
}
