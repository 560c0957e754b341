/** DescribeParameters: what parameters there are, without their values. */
import type { DescribeParametersRequest, DescribeParametersResult, ParameterMetadata } from '@aws-sdk/client-ssm';
import type { Scope } from '../../core/scope.ts';
import { pageTokens } from '../page-token.ts';
import type { SsmDeps } from './deps.ts';
import { invalidToken } from './errors.ts';
import { describeFilter } from './filters.ts';
import { metadataView } from './view.ts';

/** Parameters on a page when the request does not say. */
const usual = 50;
/** Parameters looked at in one step. */
const batch = 200;

export async function describeParameters(
  { parameters }: SsmDeps,
  scope: Scope,
  input: DescribeParametersRequest,
): Promise<DescribeParametersResult> {
  const { start, oneLevel, holds } = describeFilter(input.ParameterFilters, input.Filters);
  const tokens = pageTokens(scope, 'DescribeParameters', input, invalidToken);
  // Nobody shares parameters with another account here.
  if (input.Shared) return { Parameters: [] };
  const limit = input.MaxResults ?? usual;
  const found: ParameterMetadata[] = [];
  let after = tokens.position;
  for (;;) {
    const page = { limit: batch, ...(after !== undefined && { after }) };
    const { items, next } = await parameters.list(scope, { start, oneLevel }, page);
    for (const parameter of await parameters.get(scope, items)) {
      if (parameter === undefined || !holds(parameter)) continue;
      // One more than fits: there is another page.
      if (found.length === limit) return { Parameters: found, NextToken: tokens.token(found.at(-1)?.Name) };
      found.push(metadataView(scope, parameter));
    }
    if (next === undefined) return { Parameters: found };
    after = next;
  }
}
