/** Blobs: read and deleted. */
import type { Digest } from '../../core/registry/digest.ts';
import { requestedRange } from './body.ts';
import { RegistryError } from './errors.ts';
import type { Answer, Exchange } from './exchange.ts';
import { digestIn, findRepository } from './find.ts';

export async function getBlob(exchange: Exchange): Promise<Answer> {
  const { deps, method, incoming } = exchange;
  const digest = digestIn(exchange.reference);
  const isHead = method === 'HEAD';
  const found = await findRepository(exchange, isHead ? 'BatchCheckLayerAvailability' : 'GetDownloadUrlForLayer');
  const { id } = found.repository;
  // Asked for before a push: it is kept at least as long as a push may take.
  const noted = isHead
    ? await deps.index.share(found, digest, id, deps.clock())
    : (await deps.index.sizes(id, [digest]))[0];
  const size = noted === undefined ? undefined : await deps.blobs.size(digest);
  if (size === undefined) return await manifestAsBlob(exchange, id, digest);
  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
    etag: `"${digest}"`,
  };
  if (isSame(incoming.headers['if-none-match'], headers.etag)) return { status: 304, headers };
  if (isHead) return { status: 200, headers: { ...headers, 'content-length': size } };
  const known = incoming.headers['if-range'];
  const wanted = known === undefined || known === headers.etag ? incoming.headers.range : undefined;
  const range = requestedRange(wanted, size);
  if (range === 'unsatisfiable')
    throw new RegistryError('RANGE_INVALID', `The blob has ${size} bytes`, {
      headers: { 'content-range': `bytes */${size}` },
    });
  const body = await deps.blobs.send(digest, range);
  if (!body) throw unknownBlob(digest);
  if (!range) return { status: 200, headers: { ...headers, 'content-length': size }, body };
  return {
    status: 206,
    headers: {
      ...headers,
      'content-range': `bytes ${range.start}-${range.end}/${size}`,
      'content-length': range.end - range.start + 1,
    },
    body,
  };
}

/** https://www.rfc-editor.org/rfc/rfc9110.html#name-if-none-match */
function isSame(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}

/** Some clients fetch manifests by digest from here. */
async function manifestAsBlob({ deps, method }: Exchange, id: string, digest: Digest): Promise<Answer> {
  const image = await deps.images.image(id, digest);
  const body = image && (await deps.blobs.read(digest));
  if (!image || !body) throw unknownBlob(digest);
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': image.manifestSize,
    'docker-content-digest': digest,
  };
  if (method !== 'HEAD') return { status: 200, headers, body };
  body.destroy();
  return { status: 200, headers };
}

export async function deleteBlob(exchange: Exchange): Promise<Answer> {
  const { deps } = exchange;
  const digest = digestIn(exchange.reference);
  const { repository } = await findRepository(exchange, 'BatchDeleteImage');
  if ((await deps.index.users(repository.id, digest)) > 0)
    throw new RegistryError('UNSUPPORTED', 'An image of the repository needs this blob: delete the image first');
  if (!(await deps.index.drop(repository.id, digest))) throw unknownBlob(digest);
  return { status: 202, headers: { 'content-length': 0 } };
}

export function unknownBlob(digest: Digest): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', 'The repository does not have this blob', { detail: { digest } });
}
