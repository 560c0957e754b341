/**
 * Removes the bytes that nobody needs, while pushes go on. What a repository has is counted with every change; bytes that
 * are being stored are under a lease, and young ones are left alone anyway. Who takes a lease on bytes that are just
 * being removed gets them back.
 */
import type { RegistryDeps } from './deps.ts';

/** Milliseconds. */
export interface Patience {
  /** How long an upload may rest. */
  readonly upload: number;
  /** How long a blob that no image names is kept. */
  readonly blob: number;
}

/** @returns how many blobs were removed */
export async function collectGarbage(deps: RegistryDeps, patience: Patience): Promise<number> {
  const { repositories, index, blobs, clock, newUuid } = deps;
  await repositories.purge();
  for (let after: string | undefined; ; ) {
    const { items, next } = await repositories.listAll({ limit: 200, ...(after !== undefined && { after }) });
    for (const item of items) {
      const found = await repositories.get(item, item.name);
      if (found) await index.dropLoose(found.repository.id, clock() - patience.blob);
    }
    if (next === undefined) break;
    after = next;
  }
  await index.dropLeases(clock());
  let removed = 0;
  for await (const { digest, changedAt } of blobs.list()) {
    if (clock() - changedAt < patience.blob || (await index.isNeeded(digest, clock()))) continue;
    const token = newUuid();
    if (!(await index.condemn(digest, token, clock()))) continue;
    await blobs.remove(digest, async () => await index.confirmCondemned(digest, token));
    removed += 1;
  }
  return removed;
}

/** Forgets uploads that nothing was added to for a while, and files that no record knows. */
export async function expireUploads(deps: RegistryDeps, patience: Patience): Promise<void> {
  const { index, blobs, clock } = deps;
  const before = clock() - patience.upload;
  for (const id of await index.uploadsBefore(before)) {
    await blobs.discardUpload(id);
    await index.forgetUpload(id);
  }
  for await (const { id, changedAt } of blobs.listUploads())
    if (changedAt < before && !(await index.upload(id))) await blobs.discardUpload(id);
}
