/** Manifests: what an image, an index or any other artifact says of itself. */
import { type Digest, isDigest } from './digest.ts';

export const mediaTypes = {
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
} as const;

const indexTypes: readonly string[] = [mediaTypes.dockerList, mediaTypes.ociIndex];
const manifestTypes: readonly string[] = [mediaTypes.dockerManifest, mediaTypes.ociManifest];

/** Bytes; ECR's limit and the one that the OCI specification asks registries to have at least. */
export const longestManifest = 4 * 2 ** 20;
/** Entries of one manifest that Longshore takes. */
const mostEntries = 10_000;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface Manifest {
  readonly mediaType: string;
  /** Configuration and layers that must be in the repository. */
  readonly blobs: readonly Descriptor[];
  /** Manifests that must be in the repository. */
  readonly children: readonly Descriptor[];
  /** What this is about: a signature's image, for example. */
  readonly subject?: Digest;
  /** What kind of artifact this is, as lists of referrers tell it. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The message is a sentence for the client. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/**
 * @param contentType as the client declares it; absent: the manifest's own
 * @throws ManifestError
 */
export function parseManifest(bytes: Uint8Array, contentType?: string): Manifest {
  const json = objectIn(bytes);
  const mediaType = mediaTypeOf(json, contentType);
  if (json.schemaVersion !== 2) throw new ManifestError('The schemaVersion of a manifest must be 2.');
  const subject = json.subject === undefined ? undefined : descriptor(json.subject, 'subject').digest;
  const annotations = annotationsOf(json.annotations);
  const isIndex = indexTypes.includes(mediaType);
  const children = isIndex ? descriptors(json.manifests, 'manifests') : [];
  const config = isIndex ? undefined : descriptor(json.config, 'config');
  const blobs = config ? [config, ...descriptors(json.layers, 'layers', isHere)] : [];
  if (json.artifactType !== undefined && typeof json.artifactType !== 'string')
    throw new ManifestError('The artifactType of a manifest must be a string.');
  const artifactType = json.artifactType || config?.mediaType;
  return {
    mediaType,
    blobs,
    children,
    ...(subject !== undefined && { subject }),
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations && { annotations }),
  };
}

export function isIndexType(mediaType: string): boolean {
  return indexTypes.includes(mediaType);
}

function objectIn(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isObject(json)) return json;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new ManifestError('The manifest is not a JSON object.');
}

function mediaTypeOf(json: Readonly<Record<string, unknown>>, contentType: string | undefined): string {
  const own = typeof json.mediaType === 'string' ? json.mediaType : undefined;
  const declared = contentType?.split(';')[0]?.trim() || undefined;
  if (own !== undefined && declared !== undefined && own !== declared)
    throw new ManifestError(`The manifest's mediaType is ${own}, but the request says ${declared}.`);
  const mediaType = own ?? declared ?? (Array.isArray(json.manifests) ? mediaTypes.ociIndex : mediaTypes.ociManifest);
  if (!indexTypes.includes(mediaType) && !manifestTypes.includes(mediaType))
    throw new ManifestError(`Manifests of the type ${mediaType.slice(0, 200)} are not supported.`);
  return mediaType;
}

/** Layers that are to be had from elsewhere only are not pushed. */
function isHere(entry: Readonly<Record<string, unknown>>): boolean {
  return !(Array.isArray(entry.urls) && entry.urls.length > 0);
}

function descriptors(
  list: unknown,
  where: string,
  wanted: (entry: Readonly<Record<string, unknown>>) => boolean = () => true,
): readonly Descriptor[] {
  if (!Array.isArray(list)) throw new ManifestError(`The manifest has no list of ${where}.`);
  if (list.length > mostEntries) throw new ManifestError(`The manifest has more than ${mostEntries} ${where}.`);
  return list
    .map((entry, index) => ({ entry, found: descriptor(entry, `${where}[${index}]`) }))
    .flatMap(({ entry, found }) => (wanted(entry) ? [found] : []));
}

function descriptor(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw new ManifestError(`The manifest has no descriptor at ${where}.`);
  const { mediaType = '', digest, size } = value;
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isDigest(digest))
    throw new ManifestError(`The descriptor at ${where} has no media type or no SHA-256 digest.`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw new ManifestError(`The descriptor at ${where} has no size.`);
  return { mediaType, digest, size };
}

function annotationsOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value) || !Object.values(value).every((text) => typeof text === 'string'))
    throw new ManifestError('The annotations of a manifest must be strings by name.');
  return value as Readonly<Record<string, string>>;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
