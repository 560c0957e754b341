/** Amazon ECS as the API offers it. */
import * as ecs from '@aws-sdk/client-ecs';
import type { HandlersOf } from '../operation.ts';
import { ecsConstraints } from './constraints/ecs.ts';
import { defineService, type Service } from './service.ts';

export function ecsService(handlers: HandlersOf<typeof ecs>): Service {
  return defineService({
    name: 'ecs',
    sdk: ecs,
    targetPrefix: 'AmazonEC2ContainerServiceV20141113',
    protocol: 'awsJson1_1',
    signingName: 'ecs',
    constraints: ecsConstraints,
    handlers,
    invalid: (message) => new ecs.InvalidParameterException({ message, $metadata: {} }),
    unbuilt: (operation) =>
      new ecs.UnsupportedFeatureException({
        message: `Longshore does not implement ${operation} yet.`,
        $metadata: {},
      }),
  });
}
