/** Where new tasks go, and which tasks go first: evenly over zones, in proportion over capacity providers. Pure. */
import { type StrategyItem, splitByStrategy } from '../capacity-provider-strategy.ts';
import { availabilityZone } from '../network-interface.ts';
import type { Deployment } from '../service/service.ts';
import type { Placement } from './draft.ts';
import type { ServiceTask } from './service-task.ts';

/** Tasks in each zone that has one. */
export function zonesOf(tasks: readonly Pick<ServiceTask, 'zone'>[]): ReadonlyMap<string, number> {
  return countBy(tasks, ({ zone }) => zone);
}

/** The zones that a deployment's subnets are in, with its tasks in each. */
export function tasksByZone(
  deployment: Deployment,
  region: string,
  tasks: readonly ServiceTask[],
): readonly (readonly [zone: string, tasks: number])[] {
  const counts = zonesOf(tasks);
  const zones = new Set(subnetsOf(deployment).map((subnet) => availabilityZone(region, subnet)));
  return [...zones].sort().map((zone) => [zone, counts.get(zone) ?? 0]);
}

/**
 * Subnet and provider for each of `count` new tasks: each goes to the emptiest zone, there to the emptiest subnet, and
 * to the provider that is furthest below its share.
 */
export function choosePlacements(
  deployment: Deployment,
  region: string,
  tasks: readonly ServiceTask[],
  count: number,
): readonly Placement[] {
  const subnets = subnetsOf(deployment);
  const zoneCounts = new Map(zonesOf(tasks));
  const subnetCounts = new Map(countBy(tasks, ({ subnetId }) => subnetId));
  const providers = missingProviders(deployment.revision.capacityProviderStrategy, tasks, count);
  return Array.from({ length: count }, (_, index) => {
    const subnetId = leastOf(subnets, (subnet) => [
      zoneCounts.get(availabilityZone(region, subnet)) ?? 0,
      subnetCounts.get(subnet) ?? 0,
    ]);
    add(zoneCounts, availabilityZone(region, subnetId));
    add(subnetCounts, subnetId);
    const provider = providers[index];
    return { subnetId, ...(provider !== undefined && { provider }) };
  });
}

/** Providers of `count` more tasks, so that all together are split as the strategy says. */
function missingProviders(
  strategy: readonly StrategyItem[] | undefined,
  tasks: readonly ServiceTask[],
  count: number,
): readonly string[] {
  if (!strategy?.length) return [];
  const there = new Map(countBy(tasks, ({ provider = '' }) => provider));
  const wanted: string[] = [];
  for (const provider of splitByStrategy(strategy, tasks.length + count)) {
    const left = there.get(provider) ?? 0;
    if (left > 0) there.set(provider, left - 1);
    else wanted.push(provider);
  }
  return wanted.slice(0, count);
}

/**
 * Which `count` tasks a scale-in stops: those that do not run yet first, then those in the fullest zone, then those
 * whose provider has more than its share, then the newest.
 */
export function chooseVictims(
  deployment: Deployment | undefined,
  tasks: readonly ServiceTask[],
  count: number,
  isRipe: (task: ServiceTask) => boolean,
): readonly ServiceTask[] {
  const left = [...tasks];
  const victims: ServiceTask[] = [];
  while (victims.length < count && left.length > 0) {
    const zones = zonesOf(left);
    const surplus = surplusProviders(deployment?.revision.capacityProviderStrategy, left);
    const victim = leastOf(left, (task) => [
      isRipe(task) ? 1 : 0,
      task.lastStatus === 'RUNNING' ? 1 : 0,
      -(zones.get(task.zone) ?? 0),
      surplus.has(task.provider ?? '') ? 0 : 1,
      -task.createdAt,
    ]);
    victims.push(victim);
    left.splice(left.indexOf(victim), 1);
  }
  return victims;
}

function surplusProviders(
  strategy: readonly StrategyItem[] | undefined,
  tasks: readonly ServiceTask[],
): ReadonlySet<string> {
  if (!strategy?.length) return new Set();
  const share = countBy(splitByStrategy(strategy, tasks.length - 1), (provider) => provider);
  const there = countBy(tasks, ({ provider = '' }) => provider);
  return new Set([...there].filter(([provider, count]) => count > (share.get(provider) ?? 0)).map(([name]) => name));
}

export function subnetsOf(deployment: Deployment): readonly string[] {
  return deployment.revision.networkConfiguration?.awsvpcConfiguration?.subnets ?? [];
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) add(counts, keyOf(item));
  return counts;
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** The first item whose numbers are the smallest, compared one after the other. */
function leastOf<T>(items: readonly T[], numbersOf: (item: T) => readonly number[]): T {
  let best: { readonly item: T; readonly numbers: readonly number[] } | undefined;
  for (const item of items) {
    const numbers = numbersOf(item);
    if (best === undefined || precedes(numbers, best.numbers)) best = { item, numbers };
  }
  if (best === undefined) throw new Error('There is nothing to choose from.');
  return best.item;
}

function precedes(a: readonly number[], b: readonly number[]): boolean {
  for (const [index, number] of a.entries()) {
    const other = b[index] ?? 0;
    if (number !== other) return number < other;
  }
  return false;
}
