/** AWS Secrets Manager as the API offers it. */
import * as secretsManager from '@aws-sdk/client-secrets-manager';
import { AwsError } from '../errors.ts';
import type { HandlersOf } from '../operation.ts';
import { secretsManagerConstraints } from './constraints/secrets-manager.ts';
import { defineService, type Service } from './service.ts';

export function secretsManagerService(handlers: HandlersOf<typeof secretsManager>): Service {
  return defineService({
    name: 'secretsmanager',
    sdk: secretsManager,
    targetPrefix: 'secretsmanager',
    protocol: 'awsJson1_1',
    signingName: 'secretsmanager',
    constraints: secretsManagerConstraints,
    handlers,
    invalid: (message) => new AwsError('ValidationException', message),
    unbuilt: (operation) =>
      new secretsManager.InvalidRequestException({
        message: `Longshore does not implement ${operation} yet.`,
        $metadata: {},
      }),
  });
}
