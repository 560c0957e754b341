/** AWS STS as the API offers it. */
import * as sts from '@aws-sdk/client-sts';
import { AwsError } from '../errors.ts';
import type { HandlersOf } from '../operation.ts';
import { stsConstraints } from './constraints/sts.ts';
import { defineService, type Service } from './service.ts';

export function stsService(handlers: HandlersOf<typeof sts>): Service {
  return defineService({
    name: 'sts',
    sdk: sts,
    protocol: 'awsQuery',
    version: '2011-06-15',
    namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    signingName: 'sts',
    constraints: stsConstraints,
    handlers,
    // The service names members as its own code does: `roleSessionName`.
    invalid: (message) =>
      new AwsError(
        'ValidationError',
        message.replace(/ at '([A-Z])/g, (_, letter: string) => ` at '${letter.toLowerCase()}`),
      ),
    unbuilt: (operation) => new AwsError('UnsupportedOperation', `Longshore does not implement ${operation} yet.`),
    bodyLimit: 64 * 1024,
  });
}
