/** Finding a parameter's value by whatever names it: the same for the API and for workers. */
import type { Scope } from '../scope.ts';
import type { ParameterStore, ParameterWithValue } from '../store/parameter-store.ts';
import { type ParameterSelector, parseParameterSelector, selectedVersion } from './parameter.ts';

export type ParameterLookup =
  | (ParameterWithValue & { readonly outcome: 'found'; readonly selector?: string })
  | { readonly outcome: 'no-parameter' }
  | { readonly outcome: 'no-version'; readonly name: string; readonly selector: string };

/** @param text name or ARN, with or without version or label */
export async function lookUpParameter(store: ParameterStore, scope: Scope, text: string): Promise<ParameterLookup> {
  const { selector, names, scope: named } = parseParameterSelector(text);
  if (named !== undefined && !isSame(named, scope)) return { outcome: 'no-parameter' };
  for (const name of names) {
    const found = await store.value(scope, name, (parameter) => selectedVersion(parameter, selector));
    if (found === 'no-version') return { outcome: 'no-version', name, selector: selector ?? '' };
    if (found !== undefined) return { ...found, outcome: 'found', ...(selector !== undefined && { selector }) };
  }
  return { outcome: 'no-parameter' };
}

/** The name that an identifier without a version means here; undefined: there is no such parameter. */
export async function parameterName(store: ParameterStore, scope: Scope, text: string): Promise<string | undefined> {
  const { selector, names, scope: named }: ParameterSelector = parseParameterSelector(text);
  if (selector !== undefined || (named !== undefined && !isSame(named, scope))) return undefined;
  const found = await store.get(scope, names);
  return found.find((parameter) => parameter !== undefined)?.name;
}

function isSame(one: Scope, other: Scope): boolean {
  return one.accountId === other.accountId && one.region === other.region;
}
