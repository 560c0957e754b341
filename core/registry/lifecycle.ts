/** Lifecycle policies at work in a repository. */
import type { RegistryDeps } from './deps.ts';
import type { Digest } from './digest.ts';
import { evaluateLifecyclePolicy, type LifecycleVerdict, parseLifecyclePolicy } from './lifecycle-policy.ts';
import type { ImageDetail, Repository } from './repository.ts';

/** Images looked at in one step. */
const batch = 500;

export interface LifecycleOutcome {
  readonly image: ImageDetail;
  readonly verdict: LifecycleVerdict;
}

/** What a policy would do now. */
export async function previewLifecycle(
  { images, clock }: Pick<RegistryDeps, 'images' | 'clock'>,
  id: string,
  policyText: string,
): Promise<readonly LifecycleOutcome[]> {
  const all = await allImages({ images }, id);
  const children = new Set(all.flatMap((image) => image.children));
  const verdicts = evaluateLifecyclePolicy(parseLifecyclePolicy(policyText), all, children, clock());
  return all.flatMap((image) => {
    const verdict = verdicts.get(image.digest);
    return verdict ? [{ image, verdict }] : [];
  });
}

/** Applies a repository's policy, if it has one. Every step can be repeated. @returns how many images it took */
export async function applyLifecycle(deps: RegistryDeps, id: string, policyText: string): Promise<number> {
  const { images, clock } = deps;
  const outcomes = await previewLifecycle(deps, id, policyText);
  for (const { image, verdict } of outcomes) {
    if (verdict.action === 'archive')
      await images.setStorage(id, image.digest, { ...image.storage, class: 'ARCHIVE', archivedAt: clock() });
    else {
      // Signatures and the like go with what they are about.
      for (const referrer of await images.referrers(id, image.digest))
        await images.remove(id, { digest: referrer }, 'image', clock());
      await images.remove(id, { digest: image.digest }, 'image', clock());
    }
  }
  return outcomes.length;
}

export async function allImages({ images }: Pick<RegistryDeps, 'images'>, id: string): Promise<readonly ImageDetail[]> {
  const digests = new Set<Digest>();
  for (let after: string | undefined; ; ) {
    const { items, next } = await images.list(id, { limit: batch, ...(after !== undefined && { after }) });
    for (const { digest } of items) digests.add(digest);
    if (next === undefined) break;
    after = next;
  }
  const found: ImageDetail[] = [];
  const list = [...digests];
  for (let at = 0; at < list.length; at += batch)
    for (const image of await images.details(id, list.slice(at, at + batch))) if (image) found.push(image);
  return found;
}

/** Milliseconds after which a policy is applied again. */
const applyEvery = 3600 * 1000;

/** Whether it is time to apply a repository's policy. */
export function isLifecycleDue({ lifecyclePolicy }: Repository, now: number): boolean {
  return lifecyclePolicy !== undefined && now - (lifecyclePolicy.evaluatedAt ?? 0) >= applyEvery;
}
