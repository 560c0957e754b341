/** Layers, part by part: what clients without the OCI protocol push and pull with. */
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import {
  EmptyUploadException,
  InvalidLayerException,
  InvalidLayerPartException,
  LayerAlreadyExistsException,
  type LayerFailure,
  LayerPartTooSmallException,
  LayersNotFoundException,
  UploadNotFoundException,
} from '@aws-sdk/client-ecr';
import { fullPath } from '../../core/registry/address.ts';
import { AppendError, DigestError } from '../../core/registry/blob-store.ts';
import { digestOf, isDigest } from '../../core/registry/digest.ts';
import { appendToUpload, beginUpload, finishUpload, uploadedParts } from '../../core/registry/uploads.ts';
import type { UploadedParts } from '../../core/store/blob-index.ts';
import type { StoredRepository } from '../../core/store/repository-store.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { inRegistry, invalidParameter, type NamedRepository, repositoryNotFound } from './errors.ts';
import { findRepository, nameOf } from './find.ts';

/** Bytes that a client should send at once. */
const partSize = 10 * 2 ** 20;
/** Bytes that every part but the last must have. */
const smallestPart = 5 * 2 ** 20;
/** Seconds that a download address is good for; as on AWS. */
const downloadLifetime = 3600;

export function layerHandlers(deps: EcrDeps) {
  return {
    BatchCheckLayerAvailability: async (input, { caller }) => {
      const { repository } = await findRepository(deps, caller, input, 'BatchCheckLayerAvailability');
      const wanted = input.layerDigests ?? [];
      const failures = wanted.flatMap((layerDigest) => (isDigest(layerDigest) ? [] : [layerFailure(layerDigest)]));
      const digests = wanted.filter(isDigest);
      const sizes = await deps.index.sizes(repository.id, digests);
      const layers = digests.map((layerDigest, at) => {
        const layerSize = sizes[at];
        return layerSize === undefined
          ? { layerDigest, layerAvailability: 'UNAVAILABLE' as const }
          : { layerDigest, layerAvailability: 'AVAILABLE' as const, layerSize };
      });
      return { layers, failures };
    },

    InitiateLayerUpload: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'InitiateLayerUpload');
      return { uploadId: await beginUpload(deps, found, 'ecr'), partSize };
    },

    /** A part counts once it is noted: what a kill or a full disk left of it gives way to the next try. */
    UploadLayerPart: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'UploadLayerPart');
      const { uploadId = '', partFirstByte = 0, partLastByte = 0, layerPartBlob = new Uint8Array() } = input;
      const named = nameOf(found, input);
      const parts = await partsOf(deps, found, uploadId, named);
      const answer = { registryId: named.registryId, repositoryName: named.name, uploadId };
      const refuse = (why: string, valid: number) =>
        new InvalidLayerPartException({
          ...answer,
          message: `The layer part with the bytes ${partFirstByte} to ${partLastByte} is not valid: ${why}`,
          lastValidByteReceived: valid - 1,
          $metadata: {},
        });
      if (partLastByte - partFirstByte + 1 !== layerPartBlob.length || layerPartBlob.length === 0)
        throw refuse(`the part has ${layerPartBlob.length} bytes`, parts.size);
      const newest = { from: partFirstByte, digest: digestOf(layerPartBlob) };
      // Sent again, as a client does that was not answered.
      if (partLastByte + 1 === parts.size && isDeepStrictEqual(newest, parts.newest))
        return { ...answer, lastByteReceived: partLastByte };
      if (partFirstByte !== parts.size) throw refuse(`the next byte of the upload is ${parts.size}`, parts.size);
      const whole = Readable.from([layerPartBlob]);
      const options = { from: partFirstByte, replace: true, length: layerPartBlob.length };
      const size = await appendToUpload(deps, uploadId, whole, options).catch((error: unknown) => {
        if (!(error instanceof AppendError)) throw error;
        if (error.kind === 'unknown') throw uploadNotFound(uploadId, named);
        throw refuse(`the next byte of the upload is ${error.size}`, error.size);
      });
      const hasSmallPart = Boolean(parts.hasSmallPart || parts.endsSmall);
      const endsSmall = layerPartBlob.length < smallestPart;
      await deps.index.noteParts(uploadId, { size, newest, endsSmall, hasSmallPart });
      return { ...answer, lastByteReceived: partLastByte };
    },

    CompleteLayerUpload: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'CompleteLayerUpload');
      const { uploadId = '', layerDigests: [layerDigest = ''] = [] } = input;
      const named = nameOf(found, input);
      if (!isDigest(layerDigest))
        throw invalidParameter('layerDigests', "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'");
      const { size, hasSmallPart } = await partsOf(deps, found, uploadId, named);
      if (size === 0)
        throw new EmptyUploadException({
          message: 'The specified layer upload does not contain any layer parts.',
          $metadata: {},
        });
      if (hasSmallPart)
        throw new LayerPartTooSmallException({ message: 'Layer parts must be at least 5 MiB in size.', $metadata: {} });
      const [known] = await deps.index.sizes(found.repository.id, [layerDigest]);
      if (known !== undefined)
        throw new LayerAlreadyExistsException({
          message: `Layer with digest '${layerDigest}' already exists in ${inRegistry(named)}`,
          $metadata: {},
        });
      try {
        if ((await finishUpload(deps, found, uploadId, layerDigest, size)) === undefined)
          throw repositoryNotFound(named);
      } catch (error) {
        if (error instanceof AppendError) throw uploadNotFound(uploadId, named);
        if (!(error instanceof DigestError)) throw error;
        throw new InvalidLayerException({
          message: `The layer's digest is '${error.actual}', but '${layerDigest}' was specified`,
          $metadata: {},
        });
      }
      return { registryId: named.registryId, repositoryName: named.name, uploadId, layerDigest };
    },

    GetDownloadUrlForLayer: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'GetDownloadUrlForLayer');
      const { layerDigest = '' } = input;
      const named = nameOf(found, input);
      if (!isDigest(layerDigest))
        throw invalidParameter('layerDigest', "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'");
      const [size] = await deps.index.sizes(found.repository.id, [layerDigest]);
      if (size === undefined)
        throw new LayersNotFoundException({
          message: `Layers with digests '[${layerDigest}]' do not exist in ${inRegistry(named)}`,
          $metadata: {},
        });
      const repository = fullPath({ accountId: found.accountId, region: found.region, name: found.repository.name });
      const { accountId, region, arn } = caller;
      const only = { repository, actions: ['pull'] as const, blob: layerDigest };
      const { password } = await deps.tokens.issue({ accountId, region, arn, only }, downloadLifetime);
      const query = new URLSearchParams({ token: password });
      return {
        downloadUrl: `http://${deps.registryHost()}/v2/${repository}/blobs/${layerDigest}?${query}`,
        layerDigest,
      };
    },
  } satisfies EcrHandlers;
}

async function partsOf(
  deps: EcrDeps,
  repository: StoredRepository,
  uploadId: string,
  named: NamedRepository,
): Promise<UploadedParts> {
  const parts = await uploadedParts(deps, repository, uploadId);
  if (!parts) throw uploadNotFound(uploadId, named);
  return parts;
}

function uploadNotFound(uploadId: string, named: NamedRepository): UploadNotFoundException {
  return new UploadNotFoundException({
    message: `The layer upload with id '${uploadId.slice(0, 100)}' does not exist in ${inRegistry(named)}`,
    $metadata: {},
  });
}

function layerFailure(layerDigest: string): LayerFailure {
  return layerDigest === ''
    ? { failureCode: 'MissingLayerDigest', failureReason: 'Invalid request parameters: layer digest cannot be null' }
    : {
        layerDigest,
        failureCode: 'InvalidLayerDigest',
        failureReason:
          "Invalid request parameters: layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
      };
}
