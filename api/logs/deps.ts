/** What the handlers of CloudWatch Logs work with. */
import type * as logs from '@aws-sdk/client-cloudwatch-logs';
import type { Clock } from '../../core/clock.ts';
import type { HandlersOf } from '../operation.ts';
import type { LogStore } from './store/log-store.ts';

export interface LogsDeps {
  readonly store: LogStore;
  readonly clock: Clock;
  readonly newUuid: () => string;
}

export type LogsHandlers = HandlersOf<typeof logs>;
