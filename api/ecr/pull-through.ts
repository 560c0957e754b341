/** Pull-through cache rules. */
import {
  PullThroughCacheRuleAlreadyExistsException,
  PullThroughCacheRuleNotFoundException,
  SecretNotFoundException,
  UnsupportedUpstreamRegistryException,
} from '@aws-sdk/client-ecr';
import { type PullThroughRule, rootPrefix, upstreamOf } from '../../core/registry/pull-through.ts';
import { checkUpstream, UpstreamError } from '../../core/registry/upstream.ts';
import type { Scope } from '../../core/scope.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { checkOwn } from './find.ts';
import { ecrPage } from './page.ts';

export function pullThroughHandlers(deps: EcrDeps) {
  const { settings, clock } = deps;

  async function find(registry: Scope, prefix: string): Promise<PullThroughRule> {
    const rule = await settings.get<PullThroughRule>(registry, 'pull-through-rule', prefix);
    if (!rule) throw notFound(prefix, registry.accountId);
    return rule;
  }

  /** @throws SecretNotFoundException */
  async function checkSecret(registry: Scope, credentialArn: string | undefined): Promise<void> {
    if (credentialArn === undefined) return;
    try {
      await deps.upstreamCredentials(registry, credentialArn);
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      throw new SecretNotFoundException({
        message: `The secret with the ARN '${credentialArn}' cannot be used: ${error.message}`,
        $metadata: {},
      });
    }
  }

  return {
    CreatePullThroughCacheRule: async (input, { caller }) => {
      checkOwn(caller, input, 'CreatePullThroughCacheRule');
      const {
        ecrRepositoryPrefix = '',
        upstreamRegistryUrl = '',
        upstreamRegistry,
        credentialArn,
        customRoleArn,
      } = input;
      const url = upstreamRegistryUrl.replace(/^https:\/\//, '').replace(/\/+$/, '');
      if (!/^[A-Za-z0-9.-]+(:\d{1,5})?$|^\[[0-9a-f:]+\](:\d{1,5})?$/.test(url))
        throw new UnsupportedUpstreamRegistryException({
          message: `The specified upstream registry isn't supported: ${upstreamRegistryUrl}`,
          $metadata: {},
        });
      await checkSecret(caller, credentialArn);
      const now = clock();
      const rule: PullThroughRule = {
        ecrRepositoryPrefix,
        upstreamRegistryUrl: url,
        upstreamRepositoryPrefix: input.upstreamRepositoryPrefix ?? rootPrefix,
        ...(upstreamRegistry !== undefined && { upstreamRegistry }),
        ...(credentialArn !== undefined && { credentialArn }),
        ...(customRoleArn !== undefined && { customRoleArn }),
        createdAt: now,
        updatedAt: now,
      };
      if (!(await settings.create(caller, 'pull-through-rule', ecrRepositoryPrefix, rule)))
        throw new PullThroughCacheRuleAlreadyExistsException({
          message: `A pull through cache rule with the repository prefix '${ecrRepositoryPrefix}' already exists in the registry with id '${caller.accountId}'`,
          $metadata: {},
        });
      const { updatedAt: _, ...created } = view(caller, rule);
      return created;
    },

    DescribePullThroughCacheRules: async (input, { caller }) => {
      checkOwn(caller, input, 'DescribePullThroughCacheRules');
      const prefixes = input.ecrRepositoryPrefixes;
      const all = prefixes
        ? await Promise.all(prefixes.map(async (prefix) => await find(caller, prefix)))
        : await settings.list<PullThroughRule>(caller, 'pull-through-rule');
      const page = ecrPage(caller, 'DescribePullThroughCacheRules', input, 100);
      const start = Number(page.request.after ?? 0);
      const end = start + page.request.limit;
      return {
        pullThroughCacheRules: all.slice(start, end).map((rule) => view(caller, rule)),
        nextToken: page.token(end < all.length ? String(end) : undefined),
      };
    },

    UpdatePullThroughCacheRule: async (input, { caller }) => {
      checkOwn(caller, input, 'UpdatePullThroughCacheRule');
      const { ecrRepositoryPrefix = '', credentialArn, customRoleArn } = input;
      const old = await find(caller, ecrRepositoryPrefix);
      await checkSecret(caller, credentialArn);
      const rule = {
        ...old,
        ...(credentialArn !== undefined && { credentialArn }),
        ...(customRoleArn !== undefined && { customRoleArn }),
        updatedAt: clock(),
      };
      await settings.put(caller, 'pull-through-rule', ecrRepositoryPrefix, rule);
      const { upstreamRegistryUrl: _url, upstreamRegistry: _kind, createdAt: _at, ...updated } = view(caller, rule);
      return updated;
    },

    DeletePullThroughCacheRule: async (input, { caller }) => {
      checkOwn(caller, input, 'DeletePullThroughCacheRule');
      const rule = await find(caller, input.ecrRepositoryPrefix ?? '');
      await settings.delete(caller, 'pull-through-rule', rule.ecrRepositoryPrefix);
      const { updatedAt: _at, upstreamRegistry: _kind, ...deleted } = view(caller, rule);
      return deleted;
    },

    ValidatePullThroughCacheRule: async (input, { caller }) => {
      checkOwn(caller, input, 'ValidatePullThroughCacheRule');
      const rule = await find(caller, input.ecrRepositoryPrefix ?? '');
      const { createdAt: _created, updatedAt: _updated, upstreamRegistry: _kind, ...shown } = view(caller, rule);
      try {
        await checkUpstream(await upstreamOf(deps, rule, caller));
        return { ...shown, isValid: true };
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        return { ...shown, isValid: false, failure: error.message };
      }
    },
  } satisfies EcrHandlers;
}

function view({ accountId }: Scope, { createdAt, updatedAt, upstreamRegistry, ...rule }: PullThroughRule) {
  return {
    ...rule,
    registryId: accountId,
    ...(upstreamRegistry !== undefined && { upstreamRegistry: upstreamRegistry as 'ecr' }),
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
  };
}

function notFound(prefix: string, registryId: string): PullThroughCacheRuleNotFoundException {
  return new PullThroughCacheRuleNotFoundException({
    message: `A pull through cache rule with the repository prefix '${prefix}' does not exist in the registry with id '${registryId}'`,
    $metadata: {},
  });
}
