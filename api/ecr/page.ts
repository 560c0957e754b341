/** nextToken and maxResults, as ECR's operations have them. */
import type { Scope } from '../../core/scope.ts';
import type { PageRequest } from '../../core/store/store.ts';
import { pageTokens } from '../page-token.ts';
import { invalidParameter } from './errors.ts';

export interface EcrPage {
  readonly request: PageRequest;
  token(next: string | undefined): string | undefined;
}

/** @param usual results when the request does not say how many */
export function ecrPage(
  scope: Scope,
  operation: string,
  { nextToken, maxResults, ...parameters }: { readonly nextToken?: string; readonly maxResults?: number },
  usual: number,
): EcrPage {
  const tokens = pageTokens(
    { accountId: scope.accountId, region: scope.region },
    operation,
    { ...parameters, ...(nextToken !== undefined && { NextToken: nextToken }) },
    () => invalidParameter('nextToken', 'Invalid token'),
  );
  const { position } = tokens;
  return {
    request: { limit: maxResults ?? usual, ...(position !== undefined && { after: position }) },
    token: tokens.token,
  };
}
