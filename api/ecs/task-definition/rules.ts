/** What a rule about a registration is, and the words that several rules share. */
import type { ContainerDefinition, RegisterTaskDefinitionRequest } from '@aws-sdk/client-ecs';

export type Definition = RegisterTaskDefinitionRequest;

/** Yields a message for each way in which the registration breaks the rule; pure and lazy. */
export type Rule = (definition: Definition) => Iterable<string>;

/** A rule that looks at one container at a time. */
export function forEachContainer(
  rule: (container: ContainerDefinition, definition: Definition) => Iterable<string>,
): Rule {
  return function* (definition) {
    for (const container of containersOf(definition)) yield* rule(container, definition);
  };
}

export function containersOf(definition: Definition): readonly ContainerDefinition[] {
  return definition.containerDefinitions ?? [];
}

export function isRequired(
  definition: Definition,
  compatibility: 'FARGATE' | 'EC2' | 'EXTERNAL' | 'MANAGED_INSTANCES',
) {
  return definition.requiresCompatibilities?.includes(compatibility) ?? false;
}

export function isWindows(definition: Definition): boolean {
  return definition.runtimePlatform?.operatingSystemFamily?.startsWith('WINDOWS') ?? false;
}

export function invalidSetting(setting: string, container: ContainerDefinition, why = ''): string {
  return `Invalid '${setting}' setting for container '${container.name}'.${why && ` ${why}`}`;
}

/** The values that occur more than once, each once. */
export function duplicates<T>(values: Iterable<T>): readonly T[] {
  const seen = new Set<T>();
  const twice = new Set<T>();
  for (const value of values) (seen.has(value) ? twice : seen).add(value);
  return [...twice];
}

/** True for a present value outside of the range; what is absent is in order. */
export function isOutside(value: number | undefined, least: number, most: number): boolean {
  return value !== undefined && !(value >= least && value <= most);
}

/** False for what is absent and for what asks for nothing: false, '' and empty lists. */
export function isUsed(value: boolean | string | readonly unknown[] | undefined): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false && value !== '';
}
