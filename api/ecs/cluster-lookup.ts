/** The cluster that a request means, for every operation that works in one. */
import type { Scope } from '../../core/scope.ts';
import type { Store, StoredCluster } from '../../core/store/store.ts';
import { resolveClusterName } from './arn.ts';
import { clusterNotFound } from './errors.ts';

/**
 * @param identifier name or ARN; absent: the cluster named `default`
 * @throws ClusterNotFoundException when there is no ACTIVE cluster of that name
 */
export async function activeCluster(
  store: Store,
  scope: Scope,
  identifier: string | undefined,
): Promise<StoredCluster> {
  const [stored] = await store.clusters.get(scope, [resolveClusterName(scope, identifier)]);
  if (stored?.cluster.status !== 'ACTIVE') throw clusterNotFound();
  return stored;
}
