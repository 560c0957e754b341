/** ListSecrets: which secrets there are, in order, page by page. */
import type { ListSecretsRequest, ListSecretsResponse, SecretListEntry } from '@aws-sdk/client-secrets-manager';
import type { Scope } from '../../core/scope.ts';
import type { Secret } from '../../core/secrets/secret.ts';
import { isGone } from '../../core/secrets/secret-lookup.ts';
import { pageTokens } from '../page-token.ts';
import type { SecretsManagerDeps } from './deps.ts';
import { listView } from './describe.ts';
import { invalidToken } from './errors.ts';
import { filterOf } from './filters.ts';

/** Secrets on a page when the request does not say. */
const usual = 100;
/** Secrets looked at in one step. */
const batch = 200;

export async function listSecrets(
  deps: SecretsManagerDeps,
  scope: Scope,
  input: ListSecretsRequest,
): Promise<ListSecretsResponse> {
  const tokens = pageTokens(scope, 'ListSecrets', input, invalidToken);
  const matches = filterOf(scope, input.Filters);
  const now = deps.clock();
  const holds = (secret: Secret) =>
    !isGone(secret, now) && (input.IncludePlannedDeletion || !secret.deletion) && matches(secret);
  const limit = input.MaxResults ?? usual;
  const descending = input.SortOrder === 'desc';
  const moment = momentOf(input.SortBy);
  if (moment) {
    const sorted: Secret[] = [];
    for await (const { secret } of secretsInOrder(deps, scope, { by: 'name', descending: false }))
      if (holds(secret)) sorted.push(secret);
    sorted.sort((one, other) => (moment(one) - moment(other)) * (descending ? -1 : 1));
    const start = Number(tokens.position ?? 0);
    const end = start + limit;
    return {
      SecretList: sorted.slice(start, end).map((secret) => listView(scope, secret)),
      NextToken: tokens.token(end < sorted.length ? String(end) : undefined),
    };
  }
  const found: SecretListEntry[] = [];
  let last = tokens.position;
  const order = { by: input.SortBy === 'name' ? ('name' as const) : ('creation' as const), descending };
  for await (const { secret, position } of secretsInOrder(deps, scope, order, last)) {
    if (!holds(secret)) continue;
    if (found.length === limit) return { SecretList: found, NextToken: tokens.token(last) };
    found.push(listView(scope, secret));
    last = position;
  }
  return { SecretList: found };
}

/** Orders that change with every read or write: no list is kept in them. */
function momentOf(sortBy: ListSecretsRequest['SortBy']): ((secret: Secret) => number) | undefined {
  if (sortBy === 'last-changed-date') return ({ changedAt }) => changedAt;
  if (sortBy === 'last-accessed-date') return ({ accessedAt = 0 }) => accessedAt;
  return undefined;
}

async function* secretsInOrder(
  { secrets }: SecretsManagerDeps,
  scope: Scope,
  order: Parameters<SecretsManagerDeps['secrets']['list']>[1],
  start?: string,
): AsyncGenerator<{ readonly secret: Secret; readonly position: string }> {
  let after = start;
  for (;;) {
    const { items, next } = await secrets.list(scope, order, { limit: batch, ...(after !== undefined && { after }) });
    const found = await Promise.all(items.map(async ({ name }) => await secrets.get(scope, name)));
    for (const [index, { position }] of items.entries()) {
      const secret = found[index];
      if (secret) yield { secret, position };
    }
    if (next === undefined) return;
    after = next;
  }
}
