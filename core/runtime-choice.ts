/** Which kind of worker a cluster's tasks go to: its tag says so, else a setting does. */
import type { Cluster } from './cluster.ts';

export const runtimes = ['docker', 'microvm', 'fake'] as const;

/** What a worker runs containers with. */
export type RuntimeName = (typeof runtimes)[number];

/** Tag of a cluster: a runtime, or `any`. */
export const runtimeTag = 'longshore:runtime';

/** What the tag and the setting may hold. */
export const runtimeChoices: readonly string[] = ['any', ...runtimes];

/**
 * The runtime that a cluster's next tasks ask for.
 * @param otherwise one of runtimeChoices, for clusters without the tag
 * @returns undefined: any will do
 */
export function runtimeFor({ tags }: Pick<Cluster, 'tags'>, otherwise: string): RuntimeName | undefined {
  const choice = tags.find(({ key }) => key === runtimeTag)?.value ?? otherwise;
  return runtimes.find((runtime) => runtime === choice);
}
