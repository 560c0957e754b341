/** Amazon CloudWatch Logs as the API offers it. */
import * as logs from '@aws-sdk/client-cloudwatch-logs';
import type { HandlersOf } from '../operation.ts';
import { cloudwatchLogsConstraints } from './constraints/cloudwatch-logs.ts';
import { defineService, type Service } from './service.ts';

export function cloudwatchLogsService(handlers: HandlersOf<typeof logs>): Service {
  return defineService({
    name: 'logs',
    sdk: logs,
    targetPrefix: 'Logs_20140328',
    protocol: 'awsJson1_1',
    signingName: 'logs',
    constraints: cloudwatchLogsConstraints,
    handlers,
    invalid: (message) => new logs.InvalidParameterException({ message, $metadata: {} }),
    unbuilt: (operation) =>
      new logs.InvalidOperationException({
        message: `Longshore does not implement ${operation} yet.`,
        $metadata: {},
      }),
    // A megabyte of events in which every character is escaped.
    bodyLimit: 10 * 2 ** 20,
  });
}
