/** Uploads: from the first byte to a blob of a repository. */
import type { UploadedParts } from '../store/blob-index.ts';
import type { StoredRepository } from '../store/repository-store.ts';
import { type AppendOptions, DigestError } from './blob-store.ts';
import type { RegistryDeps } from './deps.ts';
import type { Digest } from './digest.ts';

/**
 * @param door which of the two the upload came in by, and has to go on through
 * @returns the upload's id
 */
export async function beginUpload(
  { index, blobs, clock, newUuid }: RegistryDeps,
  { accountId, region, repository }: StoredRepository,
  door: 'oci' | 'ecr' = 'oci',
): Promise<string> {
  const id = newUuid();
  const now = clock();
  const upload = { accountId, region, repositoryId: repository.id, startedAt: now };
  // First the record: a file without one is removed only after a day.
  await index.recordUpload(id, door === 'ecr' ? { ...upload, parts: { size: 0 } } : upload, now);
  await blobs.createUpload(id);
  return id;
}

/** Bytes that an upload of this repository, by the OCI protocol, has; undefined: there is no such upload. */
export async function uploadSize(
  { index, blobs }: RegistryDeps,
  { repository }: StoredRepository,
  id: string,
): Promise<number | undefined> {
  const upload = await index.upload(id);
  return upload?.repositoryId === repository.id && !upload.parts ? await blobs.uploadSize(id) : undefined;
}

/** What an upload of this repository, by ECR's own operations, has; undefined: there is no such upload. */
export async function uploadedParts(
  { index, blobs }: RegistryDeps,
  { repository }: StoredRepository,
  id: string,
): Promise<UploadedParts | undefined> {
  const upload = await index.upload(id);
  if (upload?.repositoryId !== repository.id || (await blobs.uploadSize(id)) === undefined) return undefined;
  return upload.parts;
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
  // Before as well, so that a long one does not expire while it comes.
  await index.touchUpload(id, clock());
  const size = await blobs.append(id, source, options);
  await index.touchUpload(id, clock());
  return size;
}

/**
 * Makes the upload a blob of the repository. When the process dies on the way, the client finds either the upload or
 * the blob, or sends the bytes again.
 * @param counted bytes of the upload that count, when what came after them does not
 * @returns bytes of the blob; undefined: the repository is gone
 * @throws DigestError
 */
export async function finishUpload(
  deps: RegistryDeps,
  repository: StoredRepository,
  id: string,
  digest: Digest,
  counted?: number,
): Promise<number | undefined> {
  const { index, blobs, clock } = deps;
  await index.lease(digest, clock());
  const size = counted ?? (await blobs.uploadSize(id)) ?? 0;
  try {
    await blobs.finish(id, digest, counted);
  } catch (error) {
    if (error instanceof DigestError) await index.forgetUpload(id);
    throw error;
  }
  // Together: they wait for the disk once.
  const [added] = await Promise.all([index.add(repository, digest, size, clock()), index.forgetUpload(id)]);
  return added ? size : undefined;
}

export async function cancelUpload({ index, blobs }: RegistryDeps, id: string): Promise<void> {
  await blobs.discardUpload(id);
  await index.forgetUpload(id);
}
