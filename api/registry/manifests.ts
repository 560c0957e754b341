/** Manifests: read, written, deleted. */
import { digestOf } from '../../core/registry/digest.ts';
import { pushImage } from '../../core/registry/images.ts';
import { longestManifest, ManifestError } from '../../core/registry/manifest.ts';
import { isRepositoryName } from '../../core/registry/repository.ts';
import { UpstreamError } from '../../core/registry/upstream.ts';
import { readWhole } from './body.ts';
import { RegistryError } from './errors.ts';
import type { Answer, Exchange } from './exchange.ts';
import { findRepository, type Reference, referenceIn, resolveReference, unknownManifest } from './find.ts';

export async function getManifest(exchange: Exchange): Promise<Answer> {
  const { deps, method, principal } = exchange;
  const reference = referenceIn(exchange.reference);
  await fillCache(exchange, reference);
  const found = await findRepository(exchange, 'BatchGetImage');
  const { id } = found.repository;
  const digest = await resolveReference(exchange, found, reference);
  const [image] = await deps.images.details(id, [digest]);
  if (!image) throw unknownManifest(reference);
  if (image.storage?.class === 'ARCHIVE')
    throw new RegistryError('DENIED', `The image '${digest}' is archived; restore it before you pull it`);
  const headers = {
    'content-type': image.mediaType,
    'content-length': image.manifestSize,
    'docker-content-digest': digest,
    etag: `"${digest}"`,
  };
  if (method === 'HEAD') return { status: 200, headers };
  const body = await deps.blobs.read(digest);
  if (!body) throw unknownManifest(reference);
  if (!(await deps.ignoresPulls(found, principal))) await deps.images.recordPull(id, digest, deps.clock());
  return { status: 200, headers, body };
}

/** Only the registry's own account makes others' images come here. */
async function fillCache({ deps, target, principal }: Exchange, reference: Reference): Promise<void> {
  if (principal.accountId !== target.accountId || !isRepositoryName(target.name)) return;
  try {
    await deps.fillCache(target, target.name, reference);
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    if (error.kind === 'missing') throw unknownManifest(reference);
    if (error.kind === 'denied') throw new RegistryError('DENIED', error.message);
    throw new RegistryError('UNKNOWN', error.message, { status: 503 });
  }
}

export async function putManifest(exchange: Exchange): Promise<Answer> {
  const { deps, incoming, path } = exchange;
  const reference = referenceIn(exchange.reference);
  const found = await findRepository(exchange, 'PutImage');
  const bytes = await readWhole(incoming, longestManifest, 'MANIFEST_INVALID');
  const { 'content-type': contentType } = incoming.headers;
  const tag = 'tag' in reference ? reference.tag : undefined;
  const push = { bytes, ...(contentType !== undefined && { contentType }), ...(tag !== undefined && { tag }) };
  if ('digest' in reference) checkDigest(reference.digest, bytes);
  const result = await pushImage(deps, found, push).catch((error: unknown) => {
    throw error instanceof ManifestError ? new RegistryError('MANIFEST_INVALID', error.message) : error;
  });
  switch (result.outcome) {
    case 'repository-gone':
      throw new RegistryError('NAME_UNKNOWN', 'The repository was deleted meanwhile');
    case 'missing':
      throw new RegistryError('MANIFEST_BLOB_UNKNOWN', missingText(result.what, result.digests), {
        detail: { digests: result.digests.slice(0, 100) },
      });
    case 'immutable':
      throw new RegistryError(
        'TAG_INVALID',
        `The image tag '${tag}' already exists in the '${found.repository.name}' repository and cannot be overwritten because the tag is immutable.`,
      );
  }
  const { image } = result;
  // Also when nothing changed: the process may have died before it came to this.
  await deps.events.pushed({ scope: found, repository: found.repository, image, ...(tag !== undefined && { tag }) });
  return {
    status: 201,
    headers: {
      location: `/v2/${path}/manifests/${image.digest}`,
      'docker-content-digest': image.digest,
      'content-length': 0,
      ...(image.subject && { 'oci-subject': image.subject }),
    },
  };
}

/** A tag goes alone and leaves its image; an image goes with all its tags. */
export async function deleteManifest(exchange: Exchange): Promise<Answer> {
  const { deps } = exchange;
  const reference = referenceIn(exchange.reference);
  const { repository } = await findRepository(exchange, 'BatchDeleteImage');
  const what = 'tag' in reference ? 'tag' : 'image';
  const result = await deps.images.remove(repository.id, reference, what, deps.clock());
  if (result.outcome === 'held')
    throw new RegistryError('DENIED', `Requested image referenced by manifest list: [${result.parents.join(', ')}]`);
  if (result.outcome !== 'removed') throw unknownManifest(reference);
  return { status: 202, headers: { 'content-length': 0 } };
}

function checkDigest(digest: string, bytes: Uint8Array): void {
  const actual = digestOf(bytes);
  if (actual !== digest)
    throw new RegistryError('DIGEST_INVALID', `The manifest's digest is ${actual}, but the request says ${digest}`);
}

function missingText(what: 'blobs' | 'children', digests: readonly string[]): string {
  const named = digests.slice(0, 10).join(', ');
  return what === 'blobs'
    ? `Layers with digests '[${named}]' required for pushing image into repository do not exist`
    : `Images with digests '[${named}]' required for pushing image into repository do not exist`;
}
