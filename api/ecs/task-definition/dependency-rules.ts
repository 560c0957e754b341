/** Rules about the order in which containers start. */
import { containersOf, type Definition, duplicates, forEachContainer, type Rule } from './rules.ts';

export const dependencyRule: Rule = forEachContainer(function* ({ name, dependsOn = [] }, definition) {
  for (const { containerName, condition } of dependsOn) {
    const target = containersOf(definition).find((container) => container.name === containerName);
    if (containerName === name) yield `Container '${name}' cannot depend on itself.`;
    else if (target === undefined) yield `Cannot depend on container + '${containerName}' because it does not exist`;
    else if ((condition === 'COMPLETE' || condition === 'SUCCESS') && target.essential !== false)
      yield 'A dependency container with SUCCESS or COMPLETE condition cannot be an essential container';
    else if (condition === 'HEALTHY' && target.healthCheck === undefined)
      yield 'A dependency container with HEALTHY condition must have health check configured';
  }
  for (const twice of duplicates(dependsOn.map(({ containerName }) => containerName)))
    yield `Container '${name}' depends on container '${twice}' more than once.`;
});

/** Links, volumesFrom and dependsOn all make one container wait for another. */
export const dependencyCycleRule: Rule = function* (definition) {
  const edges = new Map(containersOf(definition).map((container) => [container.name, waitsFor(container)]));
  const settled = new Set<string>();
  for (const start of edges.keys()) {
    const cycle = start === undefined ? undefined : findCycle(start, edges, settled, []);
    if (cycle) {
      yield `Container dependencies must not form a cycle: ${cycle.join(' -> ')}`;
      return;
    }
  }
};

function waitsFor(container: NonNullable<Definition['containerDefinitions']>[number]): readonly string[] {
  const { dependsOn = [], volumesFrom = [], links = [] } = container;
  const names = [
    ...dependsOn.map(({ containerName }) => containerName),
    ...volumesFrom.map(({ sourceContainer }) => sourceContainer),
    ...links.map((link) => link.split(':')[0]),
  ];
  return names.filter((name) => name !== undefined && name !== container.name) as string[];
}

function findCycle(
  name: string,
  edges: ReadonlyMap<string | undefined, readonly string[]>,
  settled: Set<string>,
  path: readonly string[],
): readonly string[] | undefined {
  if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
  if (settled.has(name)) return undefined;
  for (const next of edges.get(name) ?? []) {
    const cycle = findCycle(next, edges, settled, [...path, name]);
    if (cycle) return cycle;
  }
  settled.add(name);
  return undefined;
}
