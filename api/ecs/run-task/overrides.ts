/** RunTask's overrides: judged as if the definition had been registered with them, and put into the form that is kept. */
import type { ContainerOverride, TaskOverride } from '@aws-sdk/client-ecs';
import { effectiveContainers } from '../../../core/overrides.ts';
import type { TaskDefinitionBody } from '../../../core/task-definition.ts';
import { invalidParameter } from '../errors.ts';
import { cpuRule, environmentRule, memoryRule } from '../task-definition/container-rules.ts';
import { fargateContainerRule, fargateRoleRule, fargateTaskRule } from '../task-definition/fargate-rules.ts';
import type { Definition, Rule } from '../task-definition/rules.ts';
import { parseCpu, parseMemory } from '../task-definition/size.ts';
import { roleRule, taskSizeRule } from '../task-definition/task-rules.ts';

/** Characters of the overrides as JSON. */
const longest = 8192;

/** The rules of registration that an override can break. */
const rules: readonly Rule[] = [
  roleRule,
  taskSizeRule,
  fargateTaskRule,
  memoryRule,
  cpuRule,
  environmentRule,
  fargateContainerRule,
  fargateRoleRule,
];

/**
 * @returns the overrides as DescribeTasks shows them: an entry for each container, sizes as integer strings
 * @throws InvalidParameterException
 */
export function validOverrides(definition: TaskDefinitionBody, given: TaskOverride = {}): TaskOverride {
  if (JSON.stringify(given).length > longest)
    throw invalidParameter(`Container Overrides length must be at most ${longest}`);
  if (given.inferenceAcceleratorOverrides?.length)
    throw invalidParameter('Tasks using the Fargate launch type do not support inference accelerators.');
  const { cpu, memory, executionRoleArn, taskRoleArn, ephemeralStorage } = given;
  const task = {
    ...(cpu !== undefined && { cpu }),
    ...(memory !== undefined && { memory }),
    // An empty role is none: the definition's counts.
    ...(executionRoleArn && { executionRoleArn }),
    ...(taskRoleArn && { taskRoleArn }),
    ...(ephemeralStorage !== undefined && { ephemeralStorage }),
  };
  const overrides = {
    containerOverrides: containerOverrides(definition, given.containerOverrides ?? []),
    inferenceAcceleratorOverrides: [],
  };
  check({ ...definition, ...task, containerDefinitions: [...effectiveContainers(definition, overrides)] });
  return {
    ...overrides,
    ...task,
    ...(cpu !== undefined && { cpu: String(parseCpu(cpu)) }),
    ...(memory !== undefined && { memory: String(parseMemory(memory)) }),
  };
}

function check(definition: Definition): void {
  for (const rule of rules) for (const message of rule(definition)) throw invalidParameter(message);
}

function containerOverrides(definition: TaskDefinitionBody, given: readonly ContainerOverride[]): ContainerOverride[] {
  const names = (definition.containerDefinitions ?? []).map(({ name = '' }) => name);
  const byName = new Map<string, ContainerOverride>();
  for (const override of given) {
    const { name = '' } = override;
    if (name === '') throw invalidParameter('A container override must have the name of a container.');
    if (!names.includes(name))
      throw invalidParameter(`Override for container named ${name} is not a container in the TaskDefinition.`);
    if (byName.has(name)) throw invalidParameter(`There is more than one override for the container named ${name}.`);
    byName.set(name, override);
  }
  return names.map((name) => byName.get(name) ?? { name });
}
