/** How an image gets into a repository. */
import type { StoredRepository } from '../store/repository-store.ts';
import type { RegistryDeps } from './deps.ts';
import { type Digest, digestOf } from './digest.ts';
import { type Manifest, parseManifest } from './manifest.ts';
import type { Image } from './repository.ts';

export type PushResult =
  | { readonly outcome: 'repository-gone' }
  | { readonly outcome: 'missing'; readonly what: 'blobs' | 'children'; readonly digests: readonly Digest[] }
  | { readonly outcome: 'immutable' }
  | {
      readonly outcome: 'pushed';
      readonly image: Image;
      /** False: this image had this tag already, or no tag was given and it was there. */
      readonly changed: boolean;
      readonly isNew: boolean;
    };

export interface Push {
  readonly bytes: Uint8Array;
  /** As the client declares it. */
  readonly contentType?: string;
  readonly tag?: string;
  /** The images that an index names need not be there yet. */
  readonly childrenLater?: boolean;
}

/**
 * Stores a manifest, then makes it an image of the repository. What dies in between leaves bytes that nobody names.
 * @throws ManifestError
 */
export async function pushImage(deps: RegistryDeps, found: StoredRepository, push: Push): Promise<PushResult> {
  const { repositories, images, index, blobs, clock } = deps;
  const manifest = parseManifest(push.bytes, push.contentType);
  const digest = digestOf(push.bytes);
  await index.lease(digest, clock());
  await blobs.write(push.bytes);
  let repository: StoredRepository | undefined = found;
  for (;;) {
    const sizes = await index.sizes(
      repository.repository.id,
      manifest.blobs.map((blob) => blob.digest),
    );
    const image = imageOf(manifest, sizes, { digest, pushedAt: clock(), manifestSize: push.bytes.length });
    const result = await images.put(repository, image, push.tag, push.childrenLater);
    switch (result.outcome) {
      case 'put': {
        const changed = result.isNew || (push.tag !== undefined && result.before !== digest);
        const kept = result.isNew ? image : await images.image(repository.repository.id, digest);
        return { outcome: 'pushed', image: kept ?? image, changed, isNew: result.isNew };
      }
      case 'missing':
        return result;
      case 'immutable':
        return { outcome: 'immutable' };
      case 'conflict':
        repository = await repositories.get(repository, found.repository.name);
        if (repository?.repository.id !== found.repository.id) return { outcome: 'repository-gone' };
    }
  }
}

/** Sizes are those of the stored blobs: what a manifest says of them is not proved. */
function imageOf(
  manifest: Manifest,
  sizes: readonly (number | undefined)[],
  facts: Pick<Image, 'digest' | 'pushedAt' | 'manifestSize'>,
): Image {
  const blobs = manifest.blobs.map((blob, at) => ({ ...blob, size: sizes[at] ?? blob.size }));
  const { mediaType, artifactType, subject, annotations } = manifest;
  return {
    ...facts,
    mediaType,
    ...(artifactType !== undefined && { artifactType }),
    size: [...new Map(blobs.map(({ digest, size }) => [digest, size])).values()].reduce((sum, size) => sum + size, 0),
    blobs,
    children: manifest.children.map((child) => child.digest),
    ...(subject !== undefined && { subject }),
    ...(annotations && { annotations }),
  };
}
