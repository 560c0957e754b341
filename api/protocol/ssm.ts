/** AWS Systems Manager as the API offers it: Parameter Store. */
import * as ssm from '@aws-sdk/client-ssm';
import type { HandlersOf } from '../operation.ts';
import { ssmConstraints } from './constraints/ssm.ts';
import { defineService, type Service } from './service.ts';

export function ssmService(handlers: HandlersOf<typeof ssm>): Service {
  return defineService({
    name: 'ssm',
    sdk: ssm,
    targetPrefix: 'AmazonSSM',
    protocol: 'awsJson1_1',
    signingName: 'ssm',
    constraints: ssmConstraints,
    handlers,
    invalid: (message) => new ssm.ValidationException({ message, $metadata: {} }),
    unbuilt: (operation) =>
      new ssm.UnsupportedOperationException({
        message: `Longshore does not implement ${operation} yet.`,
        $metadata: {},
      }),
  });
}
