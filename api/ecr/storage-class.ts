/** UpdateImageStorageClass: images that are kept and cannot be pulled until they are brought back. */
import { ImageStorageClassUpdateNotSupportedException } from '@aws-sdk/client-ecr';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { imageNotFound, invalid } from './errors.ts';
import { findRepository, nameOf } from './find.ts';
import { lookUpImage } from './image-id.ts';

export function storageClassHandlers(deps: EcrDeps) {
  const { images, clock } = deps;
  return {
    UpdateImageStorageClass: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'UpdateImageStorageClass');
      const { id, name } = found.repository;
      const { imageId = {} } = input;
      const lookup = await lookUpImage(images, id, imageId);
      if (lookup.outcome === 'failed') {
        if (lookup.failure.failureCode === 'ImageNotFound') throw imageNotFound(nameOf(found, input), imageId);
        throw invalid(lookup.failure.failureReason ?? '');
      }
      const [image] = await images.details(id, [lookup.digest]);
      if (!image) throw imageNotFound(nameOf(found, input), imageId);
      const archives = input.targetStorageClass === 'ARCHIVE';
      if (archives && (await images.parents(id, image.digest)).length > 0)
        throw new ImageStorageClassUpdateNotSupportedException({
          message: 'The storage class of an image that a manifest list references cannot be changed.',
          $metadata: {},
        });
      const changes = archives !== (image.storage?.class === 'ARCHIVE');
      if (changes)
        await images.setStorage(
          id,
          image.digest,
          archives
            ? { ...image.storage, class: 'ARCHIVE', archivedAt: clock() }
            : { ...image.storage, class: 'STANDARD', activatedAt: clock() },
        );
      return {
        registryId: found.accountId,
        repositoryName: name,
        imageId: { ...imageId, imageDigest: image.digest },
        imageStatus: archives ? 'ARCHIVED' : 'ACTIVE',
      };
    },
  } satisfies EcrHandlers;
}
