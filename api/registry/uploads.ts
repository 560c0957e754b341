/** Uploads of blobs: in one piece, in chunks, from another repository. */
import { AppendError, DigestError } from '../../core/registry/blob-store.ts';
import type { Digest } from '../../core/registry/digest.ts';
import { isDigest } from '../../core/registry/digest.ts';
import { appendToUpload, beginUpload, cancelUpload, finishUpload, uploadSize } from '../../core/registry/uploads.ts';
import type { StoredRepository } from '../../core/store/repository-store.ts';
import { bodyOf, contentRange, hasBody } from './body.ts';
import { RegistryError } from './errors.ts';
import type { Answer, Exchange } from './exchange.ts';
import { digestIn, findRepository } from './find.ts';

/** POST: begins an upload, or makes the blob at once of the body or of another repository's. */
export async function postUpload(exchange: Exchange): Promise<Answer> {
  const { deps, query } = exchange;
  const repository = await findRepository(exchange, 'InitiateLayerUpload');
  const digest = query.has('digest') ? digestIn(query.get('digest')) : undefined;
  if (query.has('mount') && (await mount(exchange, repository))) return created(exchange, digestIn(query.get('mount')));
  const id = await beginUpload(deps, repository);
  if (digest === undefined) return accepted(exchange, id, 0);
  try {
    await receive(exchange, id);
    return await complete(exchange, repository, id, digest);
  } catch (error) {
    // Nobody was told of this upload.
    await cancelUpload(deps, id);
    throw error;
  }
}

/** False: an upload begins instead, as the specification has it. */
async function mount(exchange: Exchange, repository: StoredRepository): Promise<boolean> {
  const { deps, query } = exchange;
  const digest = query.get('mount') ?? '';
  const from = query.get('from');
  if (!isDigest(digest) || from === null || !(await deps.mountsBlobs(repository))) return false;
  try {
    const source = await findRepository(exchange, 'GetDownloadUrlForLayer', from);
    return (await deps.index.share(repository, digest, source.repository.id, deps.clock())) !== undefined;
  } catch (error) {
    if (error instanceof RegistryError) return false;
    throw error;
  }
}

export async function patchUpload(exchange: Exchange): Promise<Answer> {
  const { id } = await findUpload(exchange, 'UploadLayerPart');
  return accepted(exchange, id, await receive(exchange, id));
}

/** PUT: the last chunk, if any, and the digest of the whole. */
export async function putUpload(exchange: Exchange): Promise<Answer> {
  const digest = digestIn(exchange.query.get('digest'));
  const { repository, id } = await findUpload(exchange, 'CompleteLayerUpload');
  if (hasBody(exchange.incoming)) await receive(exchange, id);
  return await complete(exchange, repository, id, digest);
}

export async function getUpload(exchange: Exchange): Promise<Answer> {
  const { id, size } = await findUpload(exchange, 'UploadLayerPart');
  return { ...accepted(exchange, id, size), status: 204 };
}

export async function deleteUpload(exchange: Exchange): Promise<Answer> {
  const { id } = await findUpload(exchange, 'UploadLayerPart');
  await cancelUpload(exchange.deps, id);
  return { status: 204 };
}

async function findUpload(exchange: Exchange, action: 'UploadLayerPart' | 'CompleteLayerUpload') {
  const repository = await findRepository(exchange, action);
  const size = await uploadSize(exchange.deps, repository, exchange.reference);
  if (size === undefined) throw unknownUpload();
  return { repository, id: exchange.reference, size };
}

/** @returns bytes that the upload has now */
async function receive(exchange: Exchange, id: string): Promise<number> {
  const { deps, incoming } = exchange;
  const range = contentRange(incoming);
  const options = range && { from: range.start, length: range.end - range.start + 1 };
  try {
    return await appendToUpload(deps, id, bodyOf(incoming), options);
  } catch (error) {
    throw error instanceof AppendError ? refusedChunk(exchange, id, error) : error;
  }
}

function refusedChunk(exchange: Exchange, id: string, { kind, size }: AppendError): RegistryError {
  if (kind === 'unknown') return unknownUpload();
  const { headers } = accepted(exchange, id, size);
  const where = { location: String(headers?.location), range: String(headers?.range) };
  return kind === 'offset'
    ? new RegistryError('RANGE_INVALID', `The upload has ${size} bytes`, { headers: where })
    : new RegistryError('SIZE_INVALID', 'The body is not as long as its Content-Range says', { headers: where });
}

async function complete(exchange: Exchange, repository: StoredRepository, id: string, digest: Digest): Promise<Answer> {
  try {
    const size = await finishUpload(exchange.deps, repository, id, digest);
    if (size === undefined) throw new RegistryError('NAME_UNKNOWN', 'The repository was deleted meanwhile');
    return created(exchange, digest);
  } catch (error) {
    if (error instanceof DigestError)
      throw new RegistryError('DIGEST_INVALID', `The blob's digest is ${error.actual}, but the request says ${digest}`);
    throw error instanceof AppendError ? unknownUpload() : error;
  }
}

/** Of an empty upload, too, the range is `0-0`: the form has none for nothing. */
function accepted({ path }: Exchange, id: string, size: number): Answer {
  return {
    status: 202,
    headers: {
      location: `/v2/${path}/blobs/uploads/${id}`,
      range: `0-${Math.max(0, size - 1)}`,
      'docker-upload-uuid': id,
      'content-length': 0,
    },
  };
}

function created({ path }: Exchange, digest: Digest): Answer {
  return {
    status: 201,
    headers: { location: `/v2/${path}/blobs/${digest}`, 'docker-content-digest': digest, 'content-length': 0 },
  };
}

function unknownUpload(): RegistryError {
  return new RegistryError('BLOB_UPLOAD_UNKNOWN', 'There is no such upload');
}
