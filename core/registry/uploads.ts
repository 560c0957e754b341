/** Uploads: from the first byte to a blob of a repository. */
import type { StoredRepository } from '../store/repository-store.ts';
import { type AppendOptions, DigestError } from './blob-store.ts';
import type { RegistryDeps } from './deps.ts';
import type { Digest } from './digest.ts';

/** @returns the upload's id */
export async function beginUpload(
  { index, blobs, clock, newUuid }: RegistryDeps,
  { accountId, region, repository }: StoredRepository,
): Promise<string> {
  const id = newUuid();
  const now = clock();
  // First the record: a file without one is removed only after a day.
  await index.recordUpload(id, { accountId, region, repositoryId: repository.id, startedAt: now }, now);
  await blobs.createUpload(id);
  return id;
}

/** Bytes that an upload of this repository has; undefined: there is no such upload. */
export async function uploadSize(
  { index, blobs }: RegistryDeps,
  { repository }: StoredRepository,
  id: string,
): Promise<number | undefined> {
  const upload = await index.upload(id);
  return upload?.repositoryId === repository.id ? await blobs.uploadSize(id) : undefined;
}

/**
 * @returns bytes that the upload has now
 * @throws AppendError
 */
export async function appendToUpload(
  { index, blobs, clock }: RegistryDeps,
  id: string,
  source: AsyncIterable<Uint8Array>,
  options: AppendOptions = {},
): Promise<number> {
  const touch = async () => {
    const upload = await index.upload(id);
    if (upload) await index.recordUpload(id, upload, clock());
  };
  // Before as well, so that a long one does not expire while it comes.
  await touch();
  const size = await blobs.append(id, source, options);
  await touch();
  return size;
}

/**
 * Makes the upload a blob of the repository. When the process dies on the way, the client finds either the upload or
 * the blob, or sends the bytes again.
 * @returns bytes of the blob; undefined: the repository is gone
 * @throws DigestError
 */
export async function finishUpload(
  deps: RegistryDeps,
  repository: StoredRepository,
  id: string,
  digest: Digest,
): Promise<number | undefined> {
  const { index, blobs, clock } = deps;
  await index.lease(digest, clock());
  const size = (await blobs.uploadSize(id)) ?? 0;
  try {
    await blobs.finish(id, digest);
  } catch (error) {
    if (error instanceof DigestError) await index.forgetUpload(id);
    throw error;
  }
  const added = await index.add(repository, digest, size, clock());
  await index.forgetUpload(id);
  return added ? size : undefined;
}

export async function cancelUpload({ index, blobs }: RegistryDeps, id: string): Promise<void> {
  await blobs.discardUpload(id);
  await index.forgetUpload(id);
}
