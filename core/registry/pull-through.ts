/**
 * Pull-through caches: images of another registry that come to be here when they are first asked for. An index comes
 * alone; the images that it names come one by one, as they are asked for.
 */
import { type Scope, scopeKey } from '../scope.ts';
import type { RegistrySettingsStore } from '../store/registry-settings-store.ts';
import type { StoredRepository } from '../store/repository-store.ts';
import type { Millis } from '../task.ts';
import type { RegistryDeps } from './deps.ts';
import type { Digest } from './digest.ts';
import { pushImage } from './images.ts';
import { type Descriptor, ManifestError, parseManifest } from './manifest.ts';
import { ensureRepository } from './template.ts';
import { beginUpload, cancelUpload, finishUpload } from './uploads.ts';
import { fetchBlob, fetchManifest, type Upstream, type UpstreamCredentials, UpstreamError } from './upstream.ts';

export interface PullThroughRule {
  readonly ecrRepositoryPrefix: string;
  readonly upstreamRegistryUrl: string;
  readonly upstreamRegistry?: string;
  readonly upstreamRepositoryPrefix: string;
  readonly credentialArn?: string;
  readonly customRoleArn?: string;
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
}

export interface PullThroughDeps extends RegistryDeps {
  readonly settings: RegistrySettingsStore;
  /** @throws UpstreamError when the secret cannot be used */
  readonly upstreamCredentials: (registry: Scope, credentialArn: string) => Promise<UpstreamCredentials>;
}

/** Prefix that stands for none. */
export const rootPrefix = 'ROOT';
/** Milliseconds for which a tag is not looked up again; as on AWS. */
const tagLifetime = 24 * 3600 * 1000;

export type Reference = { readonly digest: Digest } | { readonly tag: string };

/** Brings what a client asks for, when a rule is for it. @throws UpstreamError when it can be had neither there nor here */
export type FillCache = (registry: Scope, name: string, reference: Reference) => Promise<void>;

export function createFillCache(deps: PullThroughDeps): FillCache {
  const underWay = new Map<string, Promise<void>>();
  return async (registry, name, reference) => {
    const rule = await ruleFor(deps.settings, registry, name);
    if (!rule) return;
    const key = JSON.stringify([scopeKey(registry), name, reference]);
    const running =
      underWay.get(key) ?? fill(deps, rule, registry, name, reference).finally(() => underWay.delete(key));
    underWay.set(key, running);
    await running;
  };
}

export async function ruleFor(
  settings: RegistrySettingsStore,
  registry: Scope,
  name: string,
): Promise<PullThroughRule | undefined> {
  const rules = await settings.list<PullThroughRule>(registry, 'pull-through-rule');
  const fits = rules.filter(
    ({ ecrRepositoryPrefix }) => ecrRepositoryPrefix === rootPrefix || name.startsWith(`${ecrRepositoryPrefix}/`),
  );
  const length = ({ ecrRepositoryPrefix }: PullThroughRule) =>
    ecrRepositoryPrefix === rootPrefix ? -1 : ecrRepositoryPrefix.length;
  return fits.sort((one, other) => length(other) - length(one))[0];
}

/** Name that a repository has in the upstream registry. */
export function upstreamName({ ecrRepositoryPrefix, upstreamRepositoryPrefix }: PullThroughRule, name: string): string {
  const rest = ecrRepositoryPrefix === rootPrefix ? name : name.slice(ecrRepositoryPrefix.length + 1);
  return upstreamRepositoryPrefix === rootPrefix ? rest : `${upstreamRepositoryPrefix}/${rest}`;
}

export async function upstreamOf(deps: PullThroughDeps, rule: PullThroughRule, registry: Scope): Promise<Upstream> {
  const credentials = rule.credentialArn && (await deps.upstreamCredentials(registry, rule.credentialArn));
  return { url: rule.upstreamRegistryUrl, ...(credentials && { credentials }) };
}

async function fill(
  deps: PullThroughDeps,
  rule: PullThroughRule,
  registry: Scope,
  name: string,
  reference: Reference,
): Promise<void> {
  const found = await deps.repositories.get(registry, name);
  const known = found && (await isCached(deps, found, reference));
  if (known === 'fresh') return;
  try {
    const upstream = await upstreamOf(deps, rule, registry);
    const repository = upstreamName(rule, name);
    const text = 'tag' in reference ? reference.tag : reference.digest;
    const manifest = await fetchManifest(upstream, repository, text);
    if ('digest' in reference && manifest.digest !== reference.digest)
      throw new UpstreamError('unavailable', 'The upstream registry sent another image than it was asked for.');
    const blobs = blobsOf(manifest);
    const target = found ?? (await ensureRepository(deps, registry, name, 'PULL_THROUGH_CACHE'));
    if (!target) return;
    for (const blob of blobs) await bringBlob(deps, upstream, repository, target, blob);
    const tag = 'tag' in reference ? reference.tag : undefined;
    const push = { bytes: manifest.bytes, contentType: manifest.mediaType, ...(tag !== undefined && { tag }) };
    await pushImage(deps, target, { ...push, childrenLater: true });
    if (tag !== undefined) await deps.images.noteUpstream(target.repository.id, tag, deps.clock());
  } catch (error) {
    // What is here is better than nothing.
    if (!(error instanceof UpstreamError && known === 'stale')) throw error;
  }
}

async function isCached(
  { images, clock }: PullThroughDeps,
  { repository: { id } }: StoredRepository,
  reference: Reference,
): Promise<'fresh' | 'stale' | undefined> {
  if ('digest' in reference) return (await images.image(id, reference.digest)) ? 'fresh' : undefined;
  if (!(await images.digestOf(id, reference.tag))) return undefined;
  const lookedAt = await images.upstreamNoted(id, reference.tag);
  return lookedAt !== undefined && clock() - lookedAt < tagLifetime ? 'fresh' : 'stale';
}

/** @throws UpstreamError */
function blobsOf({ bytes, mediaType }: { readonly bytes: Buffer; readonly mediaType: string }): readonly Descriptor[] {
  try {
    return parseManifest(bytes, mediaType).blobs;
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    throw new UpstreamError('unavailable', `What the upstream registry sent is no image: ${error.message}`, {
      cause: error,
    });
  }
}

async function bringBlob(
  deps: PullThroughDeps,
  upstream: Upstream,
  repository: string,
  target: StoredRepository,
  { digest, size }: Descriptor,
): Promise<void> {
  if ((await deps.index.share(target, digest, target.repository.id, deps.clock())) !== undefined) return;
  const id = await beginUpload(deps, target);
  try {
    await deps.blobs.append(id, await fetchBlob(upstream, repository, digest), { from: 0, length: size });
    await finishUpload(deps, target, id, digest);
  } catch (error) {
    await cancelUpload(deps, id);
    throw error instanceof UpstreamError
      ? error
      : new UpstreamError('unavailable', 'A layer did not come whole from the upstream registry.', { cause: error });
  }
}
