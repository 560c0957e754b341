/** ListImages, DescribeImages, ListImageReferrers. */
import type { ImageDetail as ImageDetailView, ImageIdentifier, TagStatus } from '@aws-sdk/client-ecr';
import { type Digest, isDigest } from '../../core/registry/digest.ts';
import { isIndexType } from '../../core/registry/manifest.ts';
import type { ImageDetail } from '../../core/registry/repository.ts';
import type { ImageScan } from '../../core/registry/scan.ts';
import type { StoredRepository } from '../../core/store/repository-store.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { imageNotFound, invalid, invalidParameter } from './errors.ts';
import { findRepository, nameOf } from './find.ts';
import { lookUpImage } from './image-id.ts';
import { ecrPage } from './page.ts';
import { severityCounts, statusView } from './scanning.ts';

/** Results on a page when the request does not say. */
const usualPage = 100;
/** Names looked at in one step. */
const batch = 1000;

export function imageListHandlers(deps: EcrDeps) {
  const { images } = deps;
  return {
    ListImages: async (input, { caller }) => {
      const { repository } = await findRepository(deps, caller, input, 'ListImages');
      const page = ecrPage(caller, 'ListImages', input, usualPage);
      const wanted = filterOf(input.filter?.tagStatus);
      const status = input.filter?.imageStatus;
      const imageIds: ImageIdentifier[] = [];
      let last = page.request.after;
      for await (const { digest, tag, position } of namesAfter(deps, repository.id, last)) {
        if (!wanted(tag)) continue;
        if (status && status !== 'ANY' && !(await hasStatus(deps, repository.id, digest, status))) continue;
        if (imageIds.length === page.request.limit) return { imageIds, nextToken: page.token(last) };
        imageIds.push({ imageDigest: digest, ...(tag !== undefined && { imageTag: tag }) });
        last = position;
      }
      return { imageIds };
    },

    DescribeImages: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'DescribeImages');
      if (input.imageIds) {
        if (input.nextToken !== undefined || input.maxResults !== undefined)
          throw invalid('nextToken and maxResults cannot be used together with imageIds.');
        return { imageDetails: await describeNamed(deps, found, input.imageIds) };
      }
      const page = ecrPage(caller, 'DescribeImages', input, usualPage);
      const { digests, next } = await pageOfDigests(deps, found.repository.id, page.request, {
        wanted: filterOf(input.filter?.tagStatus),
      });
      const details = await images.details(found.repository.id, digests);
      const status = input.filter?.imageStatus;
      const shown = details.flatMap((image) => (image && matchesStatus(image, status) ? [image] : []));
      return { imageDetails: await detailViews(deps, found, shown), nextToken: page.token(next) };
    },

    ListImageReferrers: async (input, { caller }) => {
      const { repository } = await findRepository(deps, caller, input, 'ListImageReferrers');
      const subject = input.subjectId?.imageDigest;
      if (!isDigest(subject)) throw invalidParameter('subjectId.imageDigest', 'must be a SHA-256 digest');
      const page = ecrPage(caller, 'ListImageReferrers', input, 50);
      const { artifactTypes, artifactStatus } = input.filter ?? {};
      const all = (await images.details(repository.id, await images.referrers(repository.id, subject))).flatMap(
        (image) => (image ? [image] : []),
      );
      const matching = all.filter(
        (image) =>
          (!artifactTypes?.length || artifactTypes.includes(image.artifactType ?? '')) &&
          matchesStatus(image, artifactStatus),
      );
      const start = page.request.after === undefined ? 0 : Number(page.request.after);
      const end = start + page.request.limit;
      return {
        referrers: matching.slice(start, end).map((image) => ({
          digest: image.digest,
          mediaType: image.mediaType,
          ...(image.artifactType !== undefined && { artifactType: image.artifactType }),
          size: image.manifestSize,
          ...(image.annotations && { annotations: { ...image.annotations } }),
          artifactStatus: statusOf(image),
        })),
        nextToken: page.token(end < matching.length ? String(end) : undefined),
      };
    },
  } satisfies EcrHandlers;
}

interface NamedImage {
  readonly digest: Digest;
  readonly tag?: string;
  /** What a list may go on after. */
  readonly position: string;
}

async function* namesAfter({ images }: EcrDeps, id: string, start: string | undefined): AsyncGenerator<NamedImage> {
  let after = start;
  for (;;) {
    const { items, next } = await images.list(id, { limit: batch, ...(after !== undefined && { after }) });
    for (const item of items) yield { ...item, position: `${item.digest} ${item.tag ?? ''}` };
    if (next === undefined) return;
    after = next;
  }
}

/** Digests in order, each once, however many tags an image has. */
async function pageOfDigests(
  deps: EcrDeps,
  id: string,
  { after, limit }: { readonly after?: string; readonly limit: number },
  { wanted }: { readonly wanted: (tag: string | undefined) => boolean },
): Promise<{ readonly digests: readonly Digest[]; readonly next?: string }> {
  const digests: Digest[] = [];
  // `!` sorts behind the space that separates a digest from its tags.
  const start = after === undefined ? undefined : `${after}!`;
  for await (const { digest, tag } of namesAfter(deps, id, start)) {
    const last = digests.at(-1);
    if (digest === last || !wanted(tag)) continue;
    if (digests.length === limit) return { digests, ...(last && { next: last }) };
    digests.push(digest);
  }
  return { digests };
}

async function describeNamed(
  deps: EcrDeps,
  found: StoredRepository,
  imageIds: readonly ImageIdentifier[],
): Promise<ImageDetailView[]> {
  const digests = new Set<Digest>();
  for (const imageId of imageIds) {
    const lookup = await lookUpImage(deps.images, found.repository.id, imageId);
    if (lookup.outcome === 'failed') {
      const { failureCode, failureReason = '' } = lookup.failure;
      if (failureCode === 'ImageNotFound')
        throw imageNotFound(nameOf(found, { repositoryName: found.repository.name }), imageId);
      throw invalid(failureReason);
    }
    digests.add(lookup.digest);
  }
  const details = await deps.images.details(found.repository.id, [...digests]);
  return await detailViews(
    deps,
    found,
    details.flatMap((image) => (image ? [image] : [])),
  );
}

async function detailViews(
  deps: EcrDeps,
  { accountId, repository }: StoredRepository,
  details: readonly ImageDetail[],
): Promise<ImageDetailView[]> {
  const scans = await deps.scans.get<ImageScan>(
    repository.id,
    details.map(({ digest }) => digest),
  );
  return details.map((image, at) => ({
    registryId: accountId,
    repositoryName: repository.name,
    imageDigest: image.digest,
    ...(image.tags.length > 0 && { imageTags: [...image.tags] }),
    ...(!isIndexType(image.mediaType) && { imageSizeInBytes: image.size }),
    imagePushedAt: new Date(image.pushedAt),
    imageManifestMediaType: image.mediaType,
    ...(image.artifactType !== undefined && { artifactMediaType: image.artifactType }),
    ...(image.pulledAt !== undefined && { lastRecordedPullTime: new Date(image.pulledAt) }),
    ...(image.subject !== undefined && { subjectManifestDigest: image.subject }),
    ...scanView(scans[at]),
    imageStatus: statusOf(image),
    ...(image.storage?.archivedAt !== undefined && { lastArchivedAt: new Date(image.storage.archivedAt) }),
    ...(image.storage?.activatedAt !== undefined && { lastActivatedAt: new Date(image.storage.activatedAt) }),
  }));
}

function scanView(scan: ImageScan | undefined): Partial<ImageDetailView> {
  if (!scan) return {};
  const completed = scan.status === 'COMPLETE' && {
    imageScanFindingsSummary: {
      imageScanCompletedAt: new Date(scan.completedAt ?? 0),
      findingSeverityCounts: severityCounts(scan.findings ?? []),
    },
  };
  return { imageScanStatus: statusView(scan), ...completed };
}

function statusOf({ storage }: ImageDetail): 'ACTIVE' | 'ARCHIVED' {
  return storage?.class === 'ARCHIVE' ? 'ARCHIVED' : 'ACTIVE';
}

function matchesStatus(image: ImageDetail, status: string | undefined): boolean {
  return status === undefined || status === 'ANY' || status === statusOf(image);
}

async function hasStatus({ images }: EcrDeps, id: string, digest: Digest, status: string): Promise<boolean> {
  const [image] = await images.details(id, [digest]);
  return image !== undefined && matchesStatus(image, status);
}

function filterOf(tagStatus: TagStatus = 'ANY'): (tag: string | undefined) => boolean {
  return (tag) => tagStatus === 'ANY' || (tagStatus === 'TAGGED') === (tag !== undefined);
}
