/** Reading parameters with their values, and forgetting them. */
import { lookUpParameter, parameterName } from '../../core/secrets/parameter-lookup.ts';
import type { Caller } from '../operation.ts';
import { pageTokens } from '../page-token.ts';
import type { SsmDeps, SsmHandlers } from './deps.ts';
import { invalidToken, notFound, versionNotFound } from './errors.ts';
import { pathFilter } from './filters.ts';
import { refuseBadPath } from './names.ts';
import { historyView, parameterView } from './view.ts';

/** Parameters on a page when the request does not say. */
const usualByPath = 10;
const usualHistory = 50;

export function readHandlers(deps: SsmDeps) {
  const { parameters } = deps;

  const find = async (caller: Caller, text: string) => await lookUpParameter(parameters, caller, text);

  return {
    GetParameter: async ({ Name: text = '', WithDecryption: decrypt }, { caller }) => {
      const found = await find(caller, text);
      if (found.outcome === 'no-parameter') throw notFound(text);
      if (found.outcome === 'no-version') throw versionNotFound(found.name, found.selector);
      return { Parameter: parameterView(caller, found, { selector: found.selector, decrypt }) };
    },

    GetParameters: async ({ Names = [], WithDecryption: decrypt }, { caller }) => {
      const names = [...new Set(Names)];
      const all = await Promise.all(names.map(async (text) => ({ text, found: await find(caller, text) })));
      return {
        Parameters: all.flatMap(({ found }) =>
          found.outcome === 'found' ? [parameterView(caller, found, { selector: found.selector, decrypt })] : [],
        ),
        InvalidParameters: all.filter(({ found }) => found.outcome !== 'found').map(({ text }) => text),
      };
    },

    GetParametersByPath: async (input, { caller }) => {
      const { Path: path = '', Recursive: recursive = false, WithDecryption: decrypt } = input;
      refuseBadPath(path);
      const wanted = pathFilter(input.ParameterFilters);
      const tokens = pageTokens(caller, 'GetParametersByPath', input, invalidToken);
      const limit = input.MaxResults ?? usualByPath;
      const start = path.endsWith('/') ? path : `${path}/`;
      const found = [];
      let after = tokens.position;
      for (;;) {
        const { items, next } = await parameters.list(
          caller,
          { start, oneLevel: !recursive },
          { limit: limit - found.length, ...(after !== undefined && { after }) },
        );
        for (const name of items) {
          const one = await parameters.value(caller, name, wanted.version);
          // Deleted meanwhile, or without the label that is asked for.
          if (one === undefined || one === 'no-version' || !wanted.holds(one.parameter)) continue;
          found.push(parameterView(caller, one, { decrypt }));
        }
        after = next;
        if (next === undefined || found.length >= limit) break;
      }
      return { Parameters: found, NextToken: tokens.token(after) };
    },

    GetParameterHistory: async (input, { caller }) => {
      const { Name: text = '', WithDecryption: decrypt, MaxResults: limit = usualHistory } = input;
      const name = await parameterName(parameters, caller, text);
      const tokens = pageTokens(caller, 'GetParameterHistory', input, invalidToken);
      const versions = name === undefined ? undefined : await parameters.history(caller, name);
      if (!versions) throw notFound(text);
      const after = Number(tokens.position ?? 0);
      const later = versions.filter(({ version }) => version.version > after);
      const page = later.slice(0, limit);
      return {
        Parameters: page.map((version) => historyView(version, decrypt)),
        NextToken: tokens.token(later.length > limit ? String(page.at(-1)?.version.version) : undefined),
      };
    },

    DeleteParameter: async ({ Name: text = '' }, { caller }) => {
      const name = await parameterName(parameters, caller, text);
      if (name === undefined || !(await parameters.delete(caller, name))) throw notFound(text);
      return {};
    },

    DeleteParameters: async ({ Names = [] }, { caller }) => {
      const deleted: string[] = [];
      const unknown: string[] = [];
      for (const text of new Set(Names)) {
        const name = await parameterName(parameters, caller, text);
        const done = name !== undefined && (await parameters.delete(caller, name));
        (done ? deleted : unknown).push(text);
      }
      return { DeletedParameters: deleted, InvalidParameters: unknown };
    },
  } satisfies SsmHandlers;
}
