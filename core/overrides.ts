/** A task definition with RunTask's overrides laid over it: what the task really runs. Pure. */
import type { ContainerDefinition, ContainerOverride, KeyValuePair, TaskOverride } from '@aws-sdk/client-ecs';
import type { TaskDefinitionBody } from './task-definition.ts';

/** GiB that a Fargate task has when nobody asks for more. */
export const defaultEphemeralStorageGiB = 20;

export interface EffectiveTask {
  /** CPU units of the whole task (1024 = one vCPU). */
  readonly cpu: number;
  /** MiB of the whole task. */
  readonly memory: number;
  readonly executionRoleArn?: string;
  readonly taskRoleArn?: string;
  readonly ephemeralStorageGiB: number;
}

/**
 * The container definitions in their order, each with its override. What an override does not name stays; a list that
 * it names replaces the definition's, but for `environment`, which is merged by name.
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerOverride.html)
 */
export function effectiveContainers(
  definition: Pick<TaskDefinitionBody, 'containerDefinitions'>,
  overrides: TaskOverride | undefined,
): readonly ContainerDefinition[] {
  const byName = new Map(overrides?.containerOverrides?.map((override) => [override.name, override]));
  return (definition.containerDefinitions ?? []).map((container) => {
    const override = byName.get(container.name);
    return override === undefined ? container : withOverride(container, override);
  });
}

/** @param overrides with `cpu` and `memory`, where given, as integer strings, as the definition has them */
export function effectiveTask(
  definition: Pick<TaskDefinitionBody, 'cpu' | 'memory' | 'executionRoleArn' | 'taskRoleArn' | 'ephemeralStorage'>,
  overrides: TaskOverride | undefined,
): EffectiveTask {
  const executionRoleArn = overrides?.executionRoleArn ?? definition.executionRoleArn;
  const taskRoleArn = overrides?.taskRoleArn ?? definition.taskRoleArn;
  const storage = overrides?.ephemeralStorage ?? definition.ephemeralStorage;
  return {
    cpu: Number(overrides?.cpu ?? definition.cpu ?? 0),
    memory: Number(overrides?.memory ?? definition.memory ?? 0),
    ...(executionRoleArn !== undefined && { executionRoleArn }),
    ...(taskRoleArn !== undefined && { taskRoleArn }),
    ephemeralStorageGiB: storage?.sizeInGiB ?? defaultEphemeralStorageGiB,
  };
}

function withOverride(container: ContainerDefinition, override: ContainerOverride): ContainerDefinition {
  const { name: _, environment, ...replaced } = override;
  const given = Object.entries(replaced).filter(([, value]) => value !== undefined);
  return {
    ...container,
    ...Object.fromEntries(given),
    ...(environment !== undefined && { environment: mergeEnvironment(container.environment ?? [], environment) }),
  };
}

/** Changed variables keep their place, new ones follow; of a name given twice the last one counts. */
function mergeEnvironment(defined: readonly KeyValuePair[], given: readonly KeyValuePair[]): KeyValuePair[] {
  const merged = new Map(defined.map((pair) => [pair.name, pair]));
  for (const pair of given) merged.set(pair.name, pair);
  return [...merged.values()];
}
