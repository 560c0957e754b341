/** Replication: what is pushed in one registry comes to be in others. The bytes are stored once for all of them. */
import type { ReplicationConfiguration } from '@aws-sdk/client-ecr';
import { type Scope, scopeKey } from '../scope.ts';
import type { ImageNotes } from '../store/note-store.ts';
import type { RegistrySettingsStore } from '../store/registry-settings-store.ts';
import type { StoredRepository } from '../store/repository-store.ts';
import type { WorkList } from '../store/work-list.ts';
import { AccessDeniedError, checkAccess } from './access.ts';
import type { RegistryDeps } from './deps.ts';
import type { Digest } from './digest.ts';
import type { PushedImage } from './events.ts';
import { pushImage } from './images.ts';
import { ensureRepository } from './template.ts';

/** One image on its way to one registry. */
export interface Replication {
  readonly source: Scope;
  readonly name: string;
  /** Of the source's repository. */
  readonly id: string;
  readonly digest: Digest;
  readonly tag?: string;
  readonly destination: Scope;
}

export type ReplicationStates = Readonly<
  Record<string, { readonly status: 'IN_PROGRESS' | 'COMPLETE' | 'FAILED'; readonly failureCode?: string }>
>;

export interface ReplicationDeps extends RegistryDeps {
  readonly settings: RegistrySettingsStore;
  readonly replications: ImageNotes;
  readonly replicationWork: WorkList<Replication>;
}

/** Registries that a repository's images go to, each once; never the one that they are in. */
export function destinationsOf(
  { rules }: ReplicationConfiguration,
  source: Scope,
  repositoryName: string,
): readonly Scope[] {
  const found = new Map<string, Scope>();
  for (const { destinations = [], repositoryFilters } of rules ?? []) {
    const matches =
      !repositoryFilters?.length || repositoryFilters.some(({ filter = '' }) => repositoryName.startsWith(filter));
    if (!matches) continue;
    for (const { region = '', registryId = '' } of destinations) {
      const scope = { accountId: registryId, region };
      if (scopeKey(scope) !== scopeKey(source)) found.set(scopeKey(scope), scope);
    }
  }
  return [...found.values()];
}

/** Notes what a push has to be followed by. It survives this process; `replicate` does it. */
export async function planReplication(deps: ReplicationDeps, event: PushedImage): Promise<readonly Replication[]> {
  const { scope, repository, image, tag } = event;
  const source = { accountId: scope.accountId, region: scope.region };
  const configuration = await deps.settings.get<ReplicationConfiguration>(source, 'replication');
  if (!configuration) return [];
  const work = destinationsOf(configuration, source, repository.name).map((destination) => ({
    source,
    name: repository.name,
    id: repository.id,
    digest: image.digest,
    ...(tag !== undefined && { tag }),
    destination,
  }));
  for (const one of work) await noteState(deps, one, { status: 'IN_PROGRESS' });
  await deps.replicationWork.add(work, deps.clock());
  return work;
}

/** Can be repeated. @throws only what passes: the store or the disk failed */
export async function replicate(deps: ReplicationDeps, work: Replication): Promise<void> {
  const failureCode = await attempt(deps, work);
  await noteState(deps, work, failureCode === undefined ? { status: 'COMPLETE' } : { status: 'FAILED', failureCode });
  await deps.replicationWork.done(work);
}

/** @returns why it cannot be done; undefined: it is done, or there is nothing to be done any more */
async function attempt(deps: ReplicationDeps, work: Replication): Promise<string | undefined> {
  const { source, destination, name, id, digest, tag } = work;
  if (!(await deps.images.image(id, digest))) return undefined;
  if (!(await mayReplicate(deps, source, destination, name))) return 'AccessDenied';
  const target = await ensureRepository(deps, destination, name, 'REPLICATION');
  if (!target) return 'RepositoryNotFound';
  return await copyImage(deps, id, target, digest, tag);
}

/** Another account must have allowed it in its registry's policy. */
async function mayReplicate(deps: ReplicationDeps, source: Scope, destination: Scope, name: string): Promise<boolean> {
  const policy = await deps.settings.get<string>(destination, 'policy');
  const principal = { ...source, arn: `arn:aws:iam::${source.accountId}:root` };
  try {
    checkAccess(principal, destination, name, [policy], 'ReplicateImage');
    return true;
  } catch (error) {
    if (error instanceof AccessDeniedError) return false;
    throw error;
  }
}

/** With everything that it names. */
async function copyImage(
  deps: ReplicationDeps,
  sourceId: string,
  target: StoredRepository,
  digest: Digest,
  tag: string | undefined,
): Promise<string | undefined> {
  const image = await deps.images.image(sourceId, digest);
  const stream = image && (await deps.blobs.read(digest));
  if (!image || !stream) return 'ImageNotFound';
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  for (const child of image.children) {
    const failed = await copyImage(deps, sourceId, target, child, undefined);
    if (failed !== undefined) return failed;
  }
  for (const blob of image.blobs) await deps.index.share(target, blob.digest, sourceId, deps.clock());
  const push = { bytes: Buffer.concat(chunks), contentType: image.mediaType, ...(tag !== undefined && { tag }) };
  const { outcome } = await pushImage(deps, target, push);
  if (outcome === 'immutable') return 'ImageTagAlreadyExists';
  return outcome === 'pushed' ? undefined : 'LayersNotFound';
}

async function noteState(
  { replications }: ReplicationDeps,
  { id, digest, destination }: Replication,
  state: ReplicationStates[string],
): Promise<void> {
  await replications.merge(id, digest, scopeKey(destination), state);
}
