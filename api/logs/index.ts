/** The operations of CloudWatch Logs, by name. */
import { translateErrors } from '../translate-errors.ts';
import type { LogsDeps, LogsHandlers } from './deps.ts';
import { unavailable } from './errors.ts';
import { compilePattern, filterLogEvents } from './filter-events.ts';
import { getLogEvents } from './get-events.ts';
import { groupHandlers } from './groups.ts';
import { startLiveTail } from './live-tail.ts';
import { putLogEvents } from './put-events.ts';
import { StoreFullError } from './store/log-store.ts';
import { streamHandlers } from './streams.ts';
import { tagHandlers } from './tags.ts';

export function logsHandlers(deps: LogsDeps): LogsHandlers {
  return translateErrors(handlers(deps), (error) =>
    error instanceof StoreFullError || hasLevelCode(error) ? unavailable((error as Error).message) : error,
  );
}

function handlers(deps: LogsDeps): LogsHandlers {
  return {
    ...groupHandlers(deps),
    ...streamHandlers(deps),
    ...tagHandlers(deps),
    PutLogEvents: async (input, context) => await putLogEvents(deps, input, context),
    GetLogEvents: async (input, context) => await getLogEvents(deps, input, context),
    FilterLogEvents: async (input, context) => await filterLogEvents(deps, input, context),
    StartLiveTail: async (input, context) => await startLiveTail(deps, input, context),
    TestMetricFilter: async ({ filterPattern = '', logEventMessages = [] }) => {
      const matches = compilePattern(filterPattern);
      return {
        matches: logEventMessages.flatMap((eventMessage, index) => {
          const match = matches(eventMessage);
          return match ? [{ eventNumber: index + 1, eventMessage, extractedValues: { ...match.extracted } }] : [];
        }),
      };
    },
  };
}

/** Errors of the database underneath: a full or broken disk. */
function hasLevelCode(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('LEVEL_');
}
