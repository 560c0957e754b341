/** The registry's paths: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#endpoints */
import { deleteBlob, getBlob } from './blobs.ts';
import { RegistryError } from './errors.ts';
import type { RegistryHandler } from './exchange.ts';
import { listReferrers, listRepositories, listTags } from './lists.ts';
import { deleteManifest, getManifest, putManifest } from './manifests.ts';
import { deleteUpload, getUpload, patchUpload, postUpload, putUpload } from './uploads.ts';

type Methods = Readonly<Partial<Record<string, RegistryHandler>>>;

/** What follows a repository's name; the first group is the reference. */
const routes: readonly (readonly [RegExp, Methods])[] = [
  [/^(.+)\/manifests\/([^/]+)$/, { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest }],
  [/^(.+)\/blobs\/uploads\/?()$/, { POST: postUpload }],
  [
    /^(.+)\/blobs\/uploads\/([^/]+)$/,
    { GET: getUpload, HEAD: getUpload, PATCH: patchUpload, PUT: putUpload, DELETE: deleteUpload },
  ],
  [/^(.+)\/blobs\/([^/]+)$/, { GET: getBlob, HEAD: getBlob, DELETE: deleteBlob }],
  [/^(.+)\/tags\/list()$/, { GET: listTags, HEAD: listTags }],
  [/^(.+)\/referrers\/([^/]+)$/, { GET: listReferrers, HEAD: listReferrers }],
  [/^()_catalog()$/, { GET: listRepositories }],
  [/^()()$/, { GET: async () => ping, HEAD: async () => ping }],
];

const ping = { status: 200, headers: { 'content-type': 'application/json', 'content-length': 2 }, body: '{}' } as const;

export interface Route {
  readonly handler: RegistryHandler;
  readonly path: string;
  readonly reference: string;
}

/**
 * @param rest of the path, after `/v2/`
 * @throws RegistryError
 */
export function findRoute(method: string, rest: string): Route {
  for (const [pattern, methods] of routes) {
    const [matches, path = '', reference = ''] = pattern.exec(rest) ?? [];
    if (matches === undefined) continue;
    const handler = methods[method];
    if (!handler)
      throw new RegistryError('UNSUPPORTED', `${method.slice(0, 20)} is not allowed here`, {
        headers: { allow: Object.keys(methods).join(', ') },
      });
    return { handler, path, reference: decoded(reference) };
  }
  throw new RegistryError('NAME_INVALID', 'There is nothing at this path', { status: 404 });
}

/** Names have no escapes; digests may come with their colon escaped. */
function decoded(reference: string): string {
  try {
    return decodeURIComponent(reference);
  } catch (error) {
    if (error instanceof URIError) return reference;
    throw error;
  }
}
