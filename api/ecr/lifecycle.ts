/** Lifecycle policies of repositories. */
import {
  LifecyclePolicyNotFoundException,
  LifecyclePolicyPreviewNotFoundException,
  type LifecyclePolicyPreviewResult,
} from '@aws-sdk/client-ecr';
import { type LifecycleOutcome, previewLifecycle } from '../../core/registry/lifecycle.ts';
import { LifecyclePolicyError, parseLifecyclePolicy } from '../../core/registry/lifecycle-policy.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { inRegistry, invalid, invalidParameter, type NamedRepository } from './errors.ts';
import { changeRepository, findRepository, nameOf } from './find.ts';
import { ecrPage } from './page.ts';

/** A preview as it is kept until the next one. */
interface StoredPreview {
  readonly policyText: string;
  readonly startedAt: number;
  readonly results: readonly LifecyclePolicyPreviewResult[];
}

/** Milliseconds that a preview can be read for. */
const previewLifetime = 24 * 3600 * 1000;

export function lifecycleHandlers(deps: EcrDeps) {
  const { previews, clock } = deps;
  return {
    PutLifecyclePolicy: async (input, { caller }) => {
      const { lifecyclePolicyText = '' } = input;
      checkLifecyclePolicy(lifecyclePolicyText);
      const { repository, registry } = await changeRepository(deps, caller, input, 'PutLifecyclePolicy', (old) => ({
        ...old,
        // Without a time of its evaluation: it is due at once.
        lifecyclePolicy: { text: lifecyclePolicyText },
      }));
      return { registryId: registry.accountId, repositoryName: repository.name, lifecyclePolicyText };
    },

    GetLifecyclePolicy: async (input, { caller }) => {
      const { repository, accountId } = await findRepository(deps, caller, input, 'GetLifecyclePolicy');
      if (!repository.lifecyclePolicy) throw noPolicy({ registryId: accountId, name: repository.name });
      return {
        registryId: accountId,
        repositoryName: repository.name,
        lifecyclePolicyText: repository.lifecyclePolicy.text,
        lastEvaluatedAt: new Date(repository.lifecyclePolicy.evaluatedAt ?? 0),
      };
    },

    DeleteLifecyclePolicy: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'DeleteLifecyclePolicy');
      let { lifecyclePolicy: deleted } = found.repository;
      await changeRepository(deps, caller, input, 'DeleteLifecyclePolicy', (old) => {
        const { lifecyclePolicy, ...rest } = old;
        if (!lifecyclePolicy) throw noPolicy(nameOf(found, input));
        deleted = lifecyclePolicy;
        return rest;
      });
      return {
        registryId: found.accountId,
        repositoryName: found.repository.name,
        lifecyclePolicyText: deleted?.text,
        lastEvaluatedAt: new Date(deleted?.evaluatedAt ?? 0),
      };
    },

    StartLifecyclePolicyPreview: async (input, { caller }) => {
      const found = await findRepository(deps, caller, input, 'StartLifecyclePolicyPreview');
      const { repository, accountId } = found;
      const text = input.lifecyclePolicyText ?? repository.lifecyclePolicy?.text;
      if (text === undefined) throw noPolicy({ registryId: accountId, name: repository.name });
      checkLifecyclePolicy(text);
      const outcomes = await previewLifecycle(deps, repository.id, text);
      const preview: StoredPreview = {
        policyText: text,
        startedAt: clock(),
        results: [...outcomes].sort((a, b) => b.image.pushedAt - a.image.pushedAt).map(resultView),
      };
      await previews.put(repository.id, preview);
      return {
        registryId: accountId,
        repositoryName: repository.name,
        lifecyclePolicyText: text,
        status: 'IN_PROGRESS',
      };
    },

    GetLifecyclePolicyPreview: async (input, { caller }) => {
      const { repository, accountId } = await findRepository(deps, caller, input, 'GetLifecyclePolicyPreview');
      const preview = await previews.get<StoredPreview>(repository.id);
      if (!preview) throw noPreview({ registryId: accountId, name: repository.name });
      if (input.imageIds && (input.maxResults !== undefined || input.nextToken !== undefined))
        throw invalid('nextToken and maxResults cannot be used together with imageIds.');
      const page = ecrPage(caller, 'GetLifecyclePolicyPreview', input, 100);
      const { tagStatus } = input.filter ?? {};
      const wanted = preview.results.filter(
        ({ imageDigest, imageTags = [] }) =>
          (!tagStatus || tagStatus === 'ANY' || (tagStatus === 'TAGGED') === imageTags.length > 0) &&
          (!input.imageIds ||
            input.imageIds.some(
              (id) => id.imageDigest === imageDigest || (id.imageTag !== undefined && imageTags.includes(id.imageTag)),
            )),
      );
      const start = Number(page.request.after ?? 0);
      const end = start + page.request.limit;
      const archived = preview.results.filter(({ action }) => action?.type === 'TRANSITION').length;
      return {
        registryId: accountId,
        repositoryName: repository.name,
        lifecyclePolicyText: preview.policyText,
        status: clock() - preview.startedAt > previewLifetime ? 'EXPIRED' : 'COMPLETE',
        previewResults: wanted.slice(start, end).map(({ imagePushedAt, ...rest }) => ({
          ...rest,
          imagePushedAt: new Date(imagePushedAt ?? 0),
        })),
        nextToken: page.token(end < wanted.length ? String(end) : undefined),
        summary: {
          expiringImageTotalCount: preview.results.length - archived,
          ...(archived > 0 && {
            transitioningImageTotalCounts: [{ targetStorageClass: 'ARCHIVE' as const, imageTotalCount: archived }],
          }),
        },
      };
    },
  } satisfies EcrHandlers;
}

/** @throws InvalidParameterException */
export function checkLifecyclePolicy(text: string): void {
  try {
    parseLifecyclePolicy(text);
  } catch (error) {
    if (!(error instanceof LifecyclePolicyError)) throw error;
    throw invalidParameter('LifecyclePolicyText', `Lifecycle policy validation failure: ${error.message}`);
  }
}

function resultView({ image, verdict }: LifecycleOutcome): LifecyclePolicyPreviewResult {
  const archives = verdict.action === 'archive';
  return {
    ...(image.tags.length > 0 && { imageTags: [...image.tags] }),
    imageDigest: image.digest,
    imagePushedAt: new Date(image.pushedAt),
    action: archives ? { type: 'TRANSITION', targetStorageClass: 'ARCHIVE' } : { type: 'EXPIRE' },
    appliedRulePriority: verdict.rulePriority,
    storageClass: image.storage?.class ?? 'STANDARD',
  };
}

function noPolicy({ registryId, name }: NamedRepository): LifecyclePolicyNotFoundException {
  return new LifecyclePolicyNotFoundException({
    message: `Lifecycle policy does not exist for the repository with name '${name}' in the registry with id '${registryId}'`,
    $metadata: {},
  });
}

function noPreview(named: NamedRepository): LifecyclePolicyPreviewNotFoundException {
  return new LifecyclePolicyPreviewNotFoundException({
    message: `There is no lifecycle policy preview for ${inRegistry(named)}`,
    $metadata: {},
  });
}
