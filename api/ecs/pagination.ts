/** Pages and their tokens: a position in the list, valid only with the parameters that it was made for. */
import { createHash } from 'node:crypto';
import type { Scope } from '../../core/scope.ts';
import type { PageRequest } from '../../core/store/store.ts';
import { invalidParameter } from './errors.ts';

export interface Paging {
  /** What to ask the store for. */
  readonly request: PageRequest;
  /** The answer's nextToken for the store's `next`; undefined on the last page. */
  readonly token: (next: string | undefined) => string | undefined;
}

export interface PagingLimits {
  readonly most: number;
  /** Items on a page when the request does not say. */
  readonly usual: number;
}

export const listLimits: PagingLimits = { most: 100, usual: 100 };
export const shortListLimits: PagingLimits = { most: 10, usual: 10 };

/**
 * @param input the request; all of it but nextToken and maxResults is bound into the token
 * @throws InvalidParameterException for a maxResults out of range and for a token that was not made for this request
 */
export function paging(
  scope: Scope,
  operation: string,
  input: { readonly nextToken?: string | undefined; readonly maxResults?: number | undefined },
  limits: PagingLimits = listLimits,
): Paging {
  const { nextToken, maxResults, ...parameters } = input;
  if (maxResults !== undefined && !(maxResults >= 1 && maxResults <= limits.most))
    throw invalidParameter(`maxResults must be between 1 and ${limits.most}.`);
  const digest = digestOf([scope.accountId, scope.region, operation, parameters]);
  const limit = maxResults ?? limits.usual;
  return {
    request: nextToken === undefined ? { limit } : { limit, after: positionOf(nextToken, digest) },
    token: (next) => (next === undefined ? undefined : encode(next, digest)),
  };
}

/** A page of a list that is in memory anyway; positions are indexes. */
export function pageOf<T>(items: readonly T[], pages: Paging): { readonly items: T[]; readonly nextToken?: string } {
  const start = Number(pages.request.after ?? 0);
  const end = start + pages.request.limit;
  const nextToken = pages.token(end < items.length ? String(end) : undefined);
  return { items: items.slice(start, end), ...(nextToken !== undefined && { nextToken }) };
}

function encode(position: string, digest: string): string {
  return Buffer.from(JSON.stringify([position, digest])).toString('base64url');
}

function positionOf(token: string, digest: string): string {
  const [position, madeFor] = decode(token);
  if (typeof position !== 'string' || madeFor !== digest) throw invalidParameter('Invalid token.');
  return position;
}

function decode(token: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('base64url').slice(0, 22);
}

/** JSON with sorted keys and without undefined members: equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) && !(inner instanceof Date)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
