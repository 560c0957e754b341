/** BatchGetImage, BatchDeleteImage, PutImage. */
import {
  ImageAlreadyExistsException,
  ImageDigestDoesNotMatchException,
  type ImageFailure,
  type ImageIdentifier,
  ImageTagAlreadyExistsException,
  LayersNotFoundException,
  ReferencedImagesNotFoundException,
} from '@aws-sdk/client-ecr';
import { type Digest, digestOf } from '../../core/registry/digest.ts';
import { type PushResult, pushImage } from '../../core/registry/images.ts';
import { ManifestError } from '../../core/registry/manifest.ts';
import { isTag } from '../../core/registry/repository.ts';
import type { StoredRepository } from '../../core/store/repository-store.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { invalid, invalidParameter, type NamedRepository, repositoryNotFound } from './errors.ts';
import { findRepository, nameOf } from './find.ts';
import { failure, invalidId, lookUpImage } from './image-id.ts';

export function imageBatchHandlers(deps: EcrDeps) {
  return {
    BatchGetImage: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'BatchGetImage');
      const failures: ImageFailure[] = [];
      const images = [];
      for (const imageId of input.imageIds ?? []) {
        const lookup = await lookUpImage(deps.images, found.repository.id, imageId);
        if (lookup.outcome === 'failed') failures.push(lookup.failure);
        else {
          const image = await imageView(deps, found, lookup.digest, lookup.tag);
          if (image) images.push(image);
          else failures.push(failure(imageId, 'ImageNotFound', 'Requested image not found'));
        }
      }
      return { images, failures };
    },

    BatchDeleteImage: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'BatchDeleteImage');
      const imageIds: ImageIdentifier[] = [];
      const failures: ImageFailure[] = [];
      for (const imageId of input.imageIds ?? []) {
        const removed = await remove(deps, found, imageId);
        if ('failureCode' in removed) failures.push(removed);
        else imageIds.push(...(removed as readonly ImageIdentifier[]));
      }
      return { imageIds, failures };
    },

    PutImage: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'PutImage');
      const { imageManifest = '', imageManifestMediaType, imageTag, imageDigest } = input;
      if (imageTag !== undefined && !isTag(imageTag))
        throw invalidParameter('imageTag', "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'");
      const bytes = Buffer.from(imageManifest, 'utf8');
      if (imageDigest !== undefined && digestOf(bytes) !== imageDigest)
        throw new ImageDigestDoesNotMatchException({
          message: `Image digest '${digestOf(bytes)}' does not match the digest '${imageDigest}' that was specified`,
          $metadata: {},
        });
      const result = await pushImage(deps, found, {
        bytes,
        ...(imageManifestMediaType !== undefined && { contentType: imageManifestMediaType }),
        ...(imageTag !== undefined && { tag: imageTag }),
      }).catch((error: unknown) => {
        throw error instanceof ManifestError ? invalidManifest(error) : error;
      });
      const { image, changed } = pushed(result, nameOf(found, input), imageTag);
      await deps.events.pushed({
        scope: found,
        repository: found.repository,
        image,
        ...(imageTag !== undefined && { tag: imageTag }),
      });
      if (!changed)
        throw new ImageAlreadyExistsException({
          message: `Image with digest '${image.digest}' and tag '${imageTag ?? null}' already exists in the repository with name '${found.repository.name}' in registry with id '${found.accountId}'`,
          $metadata: {},
        });
      return { image: await imageView(deps, found, image.digest, imageTag) };
    },
  } satisfies EcrHandlers;
}

function pushed(result: PushResult, repository: NamedRepository, tag: string | undefined) {
  switch (result.outcome) {
    case 'pushed':
      return result;
    case 'repository-gone':
      throw repositoryNotFound(repository);
    case 'immutable':
      throw new ImageTagAlreadyExistsException({
        message: `The image tag '${tag}' already exists in the '${repository.name}' repository and cannot be overwritten because the tag is immutable.`,
        $metadata: {},
      });
    case 'missing': {
      const digests = result.digests.slice(0, 100).join(', ');
      const end = `required for pushing image into repository with name '${repository.name}' in the registry with id '${repository.registryId}' do not exist`;
      throw result.what === 'blobs'
        ? new LayersNotFoundException({ message: `Layers with digests '[${digests}]' ${end}`, $metadata: {} })
        : new ReferencedImagesNotFoundException({
            message: `Images with digests '[${digests}]' ${end}`,
            $metadata: {},
          });
    }
  }
}

function invalidManifest({ message }: ManifestError) {
  return invalid(
    `Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax': ${message}`,
  );
}

async function imageView(deps: EcrDeps, { accountId, repository }: StoredRepository, digest: Digest, tag?: string) {
  const [image, manifest] = await Promise.all([deps.images.image(repository.id, digest), readText(deps, digest)]);
  if (!image || manifest === undefined) return undefined;
  return {
    registryId: accountId,
    repositoryName: repository.name,
    imageId: { imageDigest: digest, ...(tag !== undefined && { imageTag: tag }) },
    imageManifest: manifest,
    imageManifestMediaType: image.mediaType,
  };
}

export async function readText({ blobs }: Pick<EcrDeps, 'blobs'>, digest: Digest): Promise<string | undefined> {
  const stream = await blobs.read(digest);
  if (!stream) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function remove(
  { images, clock }: EcrDeps,
  { repository }: StoredRepository,
  imageId: ImageIdentifier,
): Promise<readonly ImageIdentifier[] | ImageFailure> {
  const bad = invalidId(imageId);
  if (bad) return bad;
  const { imageDigest, imageTag } = imageId;
  const digest = imageDigest as Digest | undefined;
  const name = { ...(digest && { digest }), ...(imageTag !== undefined && { tag: imageTag }) };
  const result = await images.remove(repository.id, name, imageTag === undefined ? 'image' : 'last', clock());
  switch (result.outcome) {
    case 'missing':
      return failure(imageId, 'ImageNotFound', 'Requested image not found');
    case 'other':
      return failure(imageId, 'ImageTagDoesNotMatchDigest', `Tag '${imageTag}' does not match digest '${imageDigest}'`);
    case 'held':
      return failure(
        imageId,
        'ImageReferencedByManifestList',
        `Requested image referenced by manifest list: [${result.parents.join(', ')}]`,
      );
    case 'removed': {
      const { tags } = result;
      return tags.length > 0
        ? tags.map((one) => ({ imageDigest: result.digest, imageTag: one }))
        : [{ imageDigest: result.digest }];
    }
  }
}
