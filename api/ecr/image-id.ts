/** How requests name images, and what is wrong with names that name none. */
import type { ImageFailure, ImageFailureCode, ImageIdentifier } from '@aws-sdk/client-ecr';
import { type Digest, isDigest } from '../../core/registry/digest.ts';
import { isTag } from '../../core/registry/repository.ts';
import type { ImageStore } from '../../core/store/image-store.ts';

export type ImageLookup =
  | { readonly outcome: 'found'; readonly digest: Digest; readonly tag?: string }
  | { readonly outcome: 'failed'; readonly failure: ImageFailure };

/** A tag together with a digest must be that image's. */
export async function lookUpImage(images: ImageStore, id: string, imageId: ImageIdentifier): Promise<ImageLookup> {
  const { imageDigest, imageTag } = imageId;
  const invalid = invalidId(imageId);
  if (invalid) return { outcome: 'failed', failure: invalid };
  const tagged = imageTag === undefined ? undefined : await images.digestOf(id, imageTag);
  if (imageTag !== undefined && tagged === undefined) return notFound(imageId);
  if (imageDigest !== undefined && tagged !== undefined && tagged !== imageDigest)
    return failed(imageId, 'ImageTagDoesNotMatchDigest', `Tag '${imageTag}' does not match digest '${imageDigest}'`);
  const digest = (imageDigest ?? tagged) as Digest;
  if (imageDigest !== undefined && !(await images.image(id, digest))) return notFound(imageId);
  return { outcome: 'found', digest, ...(imageTag !== undefined && { tag: imageTag }) };
}

/** undefined: it is one, whether there is such an image or not. */
export function invalidId(imageId: ImageIdentifier): ImageFailure | undefined {
  const { imageDigest, imageTag } = imageId;
  if (imageDigest === undefined && imageTag === undefined)
    return failure(imageId, 'MissingDigestAndTag', 'Invalid request parameters: both tag and digest cannot be null');
  if (imageDigest !== undefined && !isDigest(imageDigest))
    return failure(
      imageId,
      'InvalidImageDigest',
      "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
    );
  if (imageTag !== undefined && !isTag(imageTag))
    return failure(
      imageId,
      'InvalidImageTag',
      "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'",
    );
  return undefined;
}

export function failure(imageId: ImageIdentifier, failureCode: ImageFailureCode, failureReason: string): ImageFailure {
  return { imageId, failureCode, failureReason };
}

function failed(imageId: ImageIdentifier, code: ImageFailureCode, reason: string): ImageLookup {
  return { outcome: 'failed', failure: failure(imageId, code, reason) };
}

function notFound(imageId: ImageIdentifier): ImageLookup {
  return failed(imageId, 'ImageNotFound', 'Requested image not found');
}
