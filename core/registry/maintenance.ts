/** What a registry does by itself: lifecycle policies, replication that was interrupted, expiry, garbage. */
import type { Scope } from '../scope.ts';
import type { WorkList } from '../store/work-list.ts';
import { collectGarbage, expireUploads, type Patience } from './garbage.ts';
import { applyLifecycle, isLifecycleDue } from './lifecycle.ts';
import { type ReplicationDeps, replicate } from './replication.ts';

export interface MaintenanceDeps extends ReplicationDeps {
  /** Repositories whose images have changed. */
  readonly lifecycleWork: WorkList<Scope & { readonly name: string }>;
}

/** Milliseconds between two collections of garbage. */
const collectEvery = 3600 * 1000;
/** Milliseconds after which replication counts as interrupted. */
const replicationPatience = 60_000;
/** Items of one list that are worked off in one round. */
const batch = 500;

/** One round; call it every half minute or so. Several processes may. */
export async function maintainRegistry(deps: MaintenanceDeps, patience: Patience): Promise<void> {
  await deps.blobs.recover(async (digest) => await deps.index.isNeeded(digest, deps.clock()));
  await applyPolicies(deps);
  for (const work of await deps.replicationWork.due(deps.clock() - replicationPatience, batch))
    await replicate(deps, work);
  if (!(await deps.index.mayCollect(Math.min(collectEvery, patience.blob)))) return;
  await expireUploads(deps, patience);
  await collectGarbage(deps, patience);
}

/** After images were pushed, when a policy is new, and every hour. */
async function applyPolicies(deps: MaintenanceDeps): Promise<void> {
  for (const item of await deps.lifecycleWork.due(deps.clock(), batch)) {
    await applyPolicy(deps, item, item.name, true);
    await deps.lifecycleWork.done(item);
  }
  for (let after: string | undefined; ; ) {
    const { items, next } = await deps.repositories.listAll({ limit: 200, ...(after !== undefined && { after }) });
    for (const item of items) await applyPolicy(deps, item, item.name, false);
    if (next === undefined) return;
    after = next;
  }
}

async function applyPolicy(deps: MaintenanceDeps, scope: Scope, name: string, changed: boolean): Promise<void> {
  const found = await deps.repositories.get(scope, name);
  const policy = found?.repository.lifecyclePolicy;
  const now = deps.clock();
  if (!found || !policy || !(changed || isLifecycleDue(found.repository, now))) return;
  await applyLifecycle(deps, found.repository.id, policy.text);
  await deps.repositories.change(scope, name, (repository) =>
    repository.lifecyclePolicy?.text === policy.text
      ? { ...repository, lifecyclePolicy: { text: policy.text, evaluatedAt: now } }
      : undefined,
  );
}
