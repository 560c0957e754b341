/** Content discovery: tags, referrers, repositories. */
import { type Descriptor, mediaTypes } from '../../core/registry/manifest.ts';
import type { ImageDetail } from '../../core/registry/repository.ts';
import { RegistryError } from './errors.ts';
import type { Answer, Exchange } from './exchange.ts';
import { digestIn, findRepository } from './find.ts';

/** Names on a page when the request does not say; also the most that it may ask for. */
const longestPage = 10_000;

export async function listTags(exchange: Exchange): Promise<Answer> {
  const { deps, path, query } = exchange;
  const { repository } = await findRepository(exchange, 'ListImages');
  const page = pageIn(query);
  const { items, next } = await deps.images.tags(repository.id, page);
  const link =
    next === undefined ? undefined : `/v2/${path}/tags/list?last=${encodeURIComponent(next)}&n=${page.limit}`;
  return json({ name: path, tags: page.limit === 0 ? [] : items }, page.limit === 0 ? undefined : link);
}

/** Repositories of the client's own account and region. */
export async function listRepositories(exchange: Exchange): Promise<Answer> {
  const { deps, principal, query } = exchange;
  if (principal.only) throw new RegistryError('DENIED', 'What you logged in with is for one repository only');
  const page = pageIn(query);
  const { items, next } = await deps.repositories.list(principal, page);
  const link = next === undefined ? undefined : `/v2/_catalog?last=${encodeURIComponent(next)}&n=${page.limit}`;
  return json({ repositories: page.limit === 0 ? [] : items }, page.limit === 0 ? undefined : link);
}

function pageIn(query: URLSearchParams): { readonly after?: string; readonly limit: number } {
  const text = query.get('n');
  const after = query.get('last');
  if (text !== null && !/^\d{1,9}$/.test(text))
    throw new RegistryError('PAGINATION_NUMBER_INVALID', `${text.slice(0, 100)} is not a number of results`);
  const limit = text === null ? longestPage : Math.min(Number(text), longestPage);
  return { limit, ...(after !== null && { after }) };
}

interface Referrer extends Descriptor {
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export async function listReferrers(exchange: Exchange): Promise<Answer> {
  const { deps, query } = exchange;
  const subject = digestIn(exchange.reference);
  const { repository } = await findRepository(exchange, 'ListImageReferrers');
  const type = query.get('artifactType');
  const images = await deps.images.details(repository.id, await deps.images.referrers(repository.id, subject));
  const manifests = images
    .flatMap((image) => (image ? [referrer(image)] : []))
    .filter(({ artifactType }) => type === null || artifactType === type);
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
  return {
    status: 200,
    headers: {
      'content-type': mediaTypes.ociIndex,
      'content-length': Buffer.byteLength(body),
      ...(type !== null && { 'oci-filters-applied': 'artifactType' }),
    },
    body,
  };
}

export function referrer({ mediaType, digest, manifestSize, artifactType, annotations }: ImageDetail): Referrer {
  return {
    mediaType,
    digest,
    size: manifestSize,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations && { annotations }),
  };
}

function json(value: unknown, next: string | undefined): Answer {
  const body = JSON.stringify(value);
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(next !== undefined && { link: `<${next}>; rel="next"` }),
    },
    body,
  };
}
