/** A task as it is recorded: everything that was asked for, decided once. */
import type { TaskOverride } from '@aws-sdk/client-ecs';
import { availabilityZone } from '../../../core/network-interface.ts';
import { effectiveContainers, effectiveTask } from '../../../core/overrides.ts';
import type { RuntimeName } from '../../../core/runtime-choice.ts';
import type { Scope } from '../../../core/scope.ts';
import type { NewTask } from '../../../core/store/store.ts';
import type { Millis, TaskContainerSpec } from '../../../core/task.ts';
import type { TaskDefinition } from '../../../core/task-definition.ts';
import type { TaskNetwork } from './network.ts';
import type { Platform } from './platform.ts';

/** What the tasks of one request have in common. */
export interface Blueprint {
  readonly scope: Scope;
  readonly clusterName: string;
  /** What the cluster asks for; undefined: any. */
  readonly runtime: RuntimeName | undefined;
  readonly definition: TaskDefinition;
  readonly overrides: TaskOverride;
  readonly network: TaskNetwork;
  readonly platform: Platform;
  readonly group: string;
  readonly startedBy: string | undefined;
  /** The service that the tasks are started for. */
  readonly serviceName?: string;
  readonly enableExecuteCommand: boolean;
  /** `sha256:…` by container name, where the image was resolved before: those containers run exactly that. */
  readonly imageDigests?: Readonly<Record<string, string>>;
  readonly createdAt: Millis;
}

export interface Identity {
  /** Place among the tasks of the request: spreads them over the subnets. */
  readonly index: number;
  readonly capacityProviderName: string | undefined;
  /** Absent: the next one of the network's. */
  readonly subnetId?: string;
  /** A new random UUID, with dashes. */
  readonly newUuid: () => string;
}

export function newTaskSpec(
  { scope, clusterName, definition, overrides, network, platform, ...common }: Blueprint,
  { index, capacityProviderName, newUuid, ...identity }: Identity,
): NewTask['spec'] {
  const { cpu, memory, ephemeralStorageGiB } = effectiveTask(definition.body, overrides);
  const taskId = newUuid().replaceAll('-', '');
  const subnetId = identity.subnetId ?? network.subnets[index % network.subnets.length] ?? '';
  return {
    accountId: scope.accountId,
    region: scope.region,
    taskId,
    clusterName,
    family: definition.body.family,
    revision: definition.revision,
    group: common.group,
    ...(common.startedBy !== undefined && { startedBy: common.startedBy }),
    ...(common.serviceName !== undefined && { serviceName: common.serviceName }),
    ...(capacityProviderName !== undefined && { capacityProviderName }),
    cpu,
    memory,
    ephemeralStorageGiB,
    ...platform,
    ...(common.runtime !== undefined && { runtime: common.runtime }),
    availabilityZone: availabilityZone(scope.region, subnetId),
    subnetId,
    securityGroups: network.securityGroups,
    assignPublicIp: network.assignPublicIp,
    attachmentId: newUuid(),
    enableExecuteCommand: common.enableExecuteCommand,
    overrides,
    containers: effectiveContainers(definition.body, overrides).map(
      (container): TaskContainerSpec => ({
        name: container.name ?? '',
        image: container.image ?? '',
        ...pinned(common.imageDigests?.[container.name ?? '']),
        essential: container.essential ?? true,
        id: newUuid(),
        runtimeId: `${taskId}-${tenDigits(newUuid())}`,
        cpu: container.cpu ?? 0,
        ...(container.memory !== undefined && { memory: container.memory }),
        ...(container.memoryReservation !== undefined && { memoryReservation: container.memoryReservation }),
        hasHealthCheck: container.healthCheck !== undefined,
      }),
    ),
    createdAt: common.createdAt,
  };
}

function pinned(imageDigest: string | undefined): Pick<TaskContainerSpec, 'imageDigest'> {
  return imageDigest === undefined ? {} : { imageDigest };
}

/** Ten decimal digits from the first, random, part of a UUID. */
function tenDigits(uuid: string): string {
  return Number.parseInt(uuid.slice(0, 8), 16).toString().padStart(10, '0');
}
