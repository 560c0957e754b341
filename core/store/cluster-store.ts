/** Clusters in Redis: one hash each, and the ACTIVE names in order. */
import type { Cluster } from '../cluster.ts';
import { type Scope, scopeKey } from '../scope.ts';
import { type Connection, pageOfSet, untilWritten } from './connection.ts';
import type { ClusterStore, StoredCluster } from './store.ts';

export function createClusterStore({ redis, run, prefix }: Connection): ClusterStore {
  const key = (scope: Scope, name: string) => `${prefix}:cluster:${scopeKey(scope)}:${name}`;
  const active = (scope: Scope) => `${prefix}:clusters:${scopeKey(scope)}`;

  const get: ClusterStore['get'] = async (scope, names) => {
    const found = await Promise.all(names.map((name) => redis.hgetall(key(scope, name))));
    return found.map(parse);
  };

  async function write(scope: Scope, stored: StoredCluster, cluster: Cluster) {
    const answer = await run(
      'change-cluster',
      [key(scope, cluster.name), active(scope)],
      [cluster.name, stored.revision, JSON.stringify(cluster), cluster.status],
    );
    if (answer === 'conflict' || answer === 'has-services' || answer === 'has-tasks') return answer;
    return { ...stored, cluster, revision: Number(answer) };
  }

  return {
    get,

    async create(scope, cluster) {
      const answer = await run(
        'create-cluster',
        [key(scope, cluster.name), active(scope)],
        [cluster.name, JSON.stringify(cluster)],
      );
      const [stored] = await get(scope, [cluster.name]);
      if (!stored) throw new Error(`Cluster ${cluster.name} vanished while it was created.`);
      return { created: answer === 1, stored };
    },

    async change(scope, name, change) {
      return await untilWritten(async () => {
        const [stored] = await get(scope, [name]);
        if (stored?.cluster.status !== 'ACTIVE') return undefined;
        const cluster = change(stored.cluster);
        if (!cluster) return stored;
        const written = await write(scope, stored, cluster);
        if (written === 'has-services' || written === 'has-tasks')
          throw new Error('A cluster is made INACTIVE by delete only.');
        return written;
      });
    },

    async delete(scope, name) {
      return await untilWritten(async () => {
        const [stored] = await get(scope, [name]);
        if (stored?.cluster.status !== 'ACTIVE') return { outcome: 'missing' as const };
        const written = await write(scope, stored, { ...stored.cluster, status: 'INACTIVE' });
        if (written === 'conflict') return written;
        if (written === 'has-services' || written === 'has-tasks') return { outcome: written, stored };
        return { outcome: 'deleted' as const, stored: written };
      });
    },

    list: async (scope, page) => await pageOfSet(redis, active(scope), page),
  };
}

function parse(hash: Record<string, string>): StoredCluster | undefined {
  if (hash.json === undefined) return undefined;
  return {
    cluster: JSON.parse(hash.json) as Cluster,
    revision: Number(hash.revision),
    counts: {
      running: Number(hash.running),
      pending: Number(hash.pending),
      live: Number(hash.live),
      services: Number(hash.services ?? 0),
      draining: Number(hash.draining ?? 0),
    },
  };
}
