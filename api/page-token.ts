/** NextToken: a position in a list, valid only for the account, region and request that it was made for. */
import { createHash } from 'node:crypto';
import type { Scope } from '../core/scope.ts';
import { canonicalJson } from './ecs/pagination.ts';

export interface PageTokens {
  /** Where the page begins; undefined: at the start. */
  readonly position: string | undefined;
  token(next: string | undefined): string | undefined;
}

/** @param input the request; all but NextToken and MaxResults is bound into the token */
export function pageTokens(
  scope: Scope,
  operation: string,
  { NextToken, MaxResults: _, ...parameters }: { readonly NextToken?: string; readonly MaxResults?: number },
  invalid: () => Error,
): PageTokens {
  const digest = createHash('sha256')
    .update(canonicalJson([scope.accountId, scope.region, operation, parameters]))
    .digest('base64url')
    .slice(0, 22);
  const token = (position: string) => Buffer.from(JSON.stringify([position, digest])).toString('base64url');
  let position: string | undefined;
  if (NextToken !== undefined) {
    const text = Buffer.from(NextToken, 'base64url').toString();
    position = /^\["(.*)","[\w-]{22}"\]$/s.test(text) ? positionIn(text) : undefined;
    if (position === undefined || token(position) !== NextToken) throw invalid();
  }
  return { position, token: (next) => (next === undefined ? undefined : token(next)) };
}

function positionIn(text: string): string | undefined {
  try {
    return String((JSON.parse(text) as readonly unknown[])[0]);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
