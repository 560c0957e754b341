/** Scans of images, and when they are made. */
import {
  type FindingSeverity,
  type ImageIdentifier,
  type ImageScanFinding,
  LimitExceededException,
  type RegistryScanningConfiguration,
  ScanNotFoundException,
  UnsupportedImageTypeException,
} from '@aws-sdk/client-ecr';
import type { Digest } from '../../core/registry/digest.ts';
import { scan, scansOnPush } from '../../core/registry/follow-ups.ts';
import { isIndexType } from '../../core/registry/manifest.ts';
import { matchesWildcard, repositoryArn } from '../../core/registry/repository.ts';
import { findScanner, type ImageScan, noScanner } from '../../core/registry/scan.ts';
import type { StoredRepository } from '../../core/store/repository-store.ts';
import type { Caller } from '../operation.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { imageNotFound, inRegistry, invalid, validationError } from './errors.ts';
import { findRepository, nameOf, type RepositoryRequest } from './find.ts';
import { lookUpImage } from './image-id.ts';
import { ecrPage } from './page.ts';

const usual: RegistryScanningConfiguration = { scanType: 'BASIC', rules: [] };

export function scanningHandlers(deps: EcrDeps) {
  const { settings, scans, images } = deps;
  return {
    PutRegistryScanningConfiguration: async ({ scanType = 'BASIC', rules = [] }, { caller }) => {
      if (scanType === 'ENHANCED')
        throw validationError(
          'Longshore scans with Trivy or Grype only, which is basic scanning: Amazon Inspector (ENHANCED) is not there.',
        );
      if (rules.some(({ scanFrequency }) => scanFrequency === 'CONTINUOUS_SCAN'))
        throw validationError('The scan frequency CONTINUOUS_SCAN is not allowed when the scan type is BASIC.');
      const configuration = { scanType, rules };
      await settings.put(caller, 'scanning', '', configuration);
      return { registryScanningConfiguration: configuration };
    },

    GetRegistryScanningConfiguration: async (_, { caller }) => ({
      registryId: caller.accountId,
      scanningConfiguration: (await settings.get<RegistryScanningConfiguration>(caller, 'scanning')) ?? usual,
    }),

    BatchGetRepositoryScanningConfiguration: async ({ repositoryNames = [] }, { caller }) => {
      const { rules = [] } = (await settings.get<RegistryScanningConfiguration>(caller, 'scanning')) ?? usual;
      const scanningConfigurations = [];
      const failures = [];
      for (const repositoryName of repositoryNames) {
        const found = await deps.repositories.get(caller, repositoryName);
        if (!found) {
          failures.push({
            repositoryName,
            failureCode: 'REPOSITORY_NOT_FOUND' as const,
            failureReason: 'Repository not found',
          });
          continue;
        }
        const filters = rules
          .flatMap((rule) => rule.repositoryFilters ?? [])
          .filter(({ filter = '' }) => matchesWildcard(filter, repositoryName));
        const onPush = await scansOnPush(deps, caller, found.repository);
        scanningConfigurations.push({
          repositoryArn: repositoryArn(caller, repositoryName),
          repositoryName,
          scanOnPush: onPush,
          scanFrequency: onPush ? ('SCAN_ON_PUSH' as const) : ('MANUAL' as const),
          appliedScanFilters: filters,
        });
      }
      return { scanningConfigurations, failures };
    },

    StartImageScan: async (input, { caller }) => {
      const { found, digest, imageId } = await findImage(deps, caller, input, 'StartImageScan');
      const image = await images.image(found.repository.id, digest);
      if (!image) throw imageNotFound(nameOf(found, input), imageId);
      if (isIndexType(image.mediaType))
        throw new UnsupportedImageTypeException({
          message: `The image type '${image.mediaType}' cannot be scanned.`,
          $metadata: {},
        });
      if (!(await findScanner())) throw validationError(noScanner);
      const [last] = await scans.get<ImageScan>(found.repository.id, [digest]);
      if (last?.status === 'IN_PROGRESS' && deps.clock() - last.startedAt < 10 * 60 * 1000)
        throw new LimitExceededException({ message: 'The image is being scanned already.', $metadata: {} });
      await scans.put(found.repository.id, digest, { status: 'IN_PROGRESS', startedAt: deps.clock() });
      deps.background(async () => await scan(deps, found.repository.id, image));
      return {
        registryId: found.accountId,
        repositoryName: found.repository.name,
        imageId,
        imageScanStatus: { status: 'IN_PROGRESS' },
      };
    },

    DescribeImageScanFindings: async (input, { caller }) => {
      const { found, digest, imageId } = await findImage(deps, caller, input, 'DescribeImageScanFindings');
      const [last] = await scans.get<ImageScan>(found.repository.id, [digest]);
      if (!last)
        throw new ScanNotFoundException({
          message: `Image scan does not exist for the image with '{imageDigest:'${digest}', imageTag:'${imageId.imageTag ?? null}'}' in ${inRegistry(nameOf(found, input))}`,
          $metadata: {},
        });
      const page = ecrPage(caller, 'DescribeImageScanFindings', input, 100);
      const { findings = [] } = last;
      const start = Number(page.request.after ?? 0);
      const end = start + page.request.limit;
      return {
        registryId: found.accountId,
        repositoryName: found.repository.name,
        imageId,
        imageScanStatus: statusView(last),
        ...(last.status === 'COMPLETE' && {
          imageScanFindings: {
            imageScanCompletedAt: new Date(last.completedAt ?? 0),
            findings: findings.slice(start, end),
            findingSeverityCounts: severityCounts(findings),
          },
        }),
        nextToken: page.token(end < findings.length ? String(end) : undefined),
      };
    },
  } satisfies EcrHandlers;
}

async function findImage(
  deps: EcrDeps,
  caller: Caller,
  input: RepositoryRequest & { readonly imageId?: ImageIdentifier | undefined },
  action: string,
): Promise<{ readonly found: StoredRepository; readonly digest: Digest; readonly imageId: ImageIdentifier }> {
  const found = await findRepository(deps, caller, input, action);
  const { imageId = {} } = input;
  const lookup = await lookUpImage(deps.images, found.repository.id, imageId);
  if (lookup.outcome === 'failed') {
    if (lookup.failure.failureCode === 'ImageNotFound') throw imageNotFound(nameOf(found, input), imageId);
    throw invalid(lookup.failure.failureReason ?? '');
  }
  const { digest } = lookup;
  return { found, digest, imageId: { ...imageId, imageDigest: digest } };
}

export function statusView({ status, description }: ImageScan) {
  const usualWords = status === 'COMPLETE' ? 'The scan was completed successfully.' : undefined;
  const words = description ?? usualWords;
  return { status, ...(words !== undefined && { description: words }) };
}

export function severityCounts(findings: readonly ImageScanFinding[]): Partial<Record<FindingSeverity, number>> {
  const counts: Partial<Record<FindingSeverity, number>> = {};
  for (const { severity = 'UNDEFINED' } of findings) counts[severity] = (counts[severity] ?? 0) + 1;
  return counts;
}
