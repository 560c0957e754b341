/** Names of a registry's keys in Redis: repositories by name, what is in them by their id. */
import { type Scope, scopeKey } from '../scope.ts';

export function registryKeys(prefix: string) {
  const part = (name: string) => (id: string) => `${prefix}:registry:${id}:${name}`;
  return {
    repository: (scope: Scope, name: string) => `${prefix}:repository:${scopeKey(scope)}:${name}`,
    names: (scope: Scope) => `${prefix}:repositories:${scopeKey(scope)}`,
    allNames: `${prefix}:all-repositories`,
    revisions: `${prefix}:record-revisions`,
    forgotten: `${prefix}:forgotten-repositories`,
    images: part('images'),
    ids: part('ids'),
    tags: part('tags'),
    tagNames: part('tag-names'),
    blobs: part('blobs'),
    blobUsers: part('blob-users'),
    loose: part('loose-blobs'),
    parents: part('parents'),
    referrers: part('referrers'),
    pulls: part('pulls'),
    storage: part('storage'),
    scans: part('scans'),
    replications: part('replications'),
    upstream: part('upstream-tags'),
    preview: part('lifecycle-preview'),
    uses: `${prefix}:blob-uses`,
    condemned: `${prefix}:condemned-blobs`,
    leases: `${prefix}:blob-leases`,
    upload: (id: string) => `${prefix}:upload:${id}`,
    uploads: `${prefix}:uploads`,
    collected: `${prefix}:registry-collected`,
    settings: (scope: Scope) => `${prefix}:registry-settings:${scopeKey(scope)}`,
  };
}

export type RegistryKeys = ReturnType<typeof registryKeys>;
