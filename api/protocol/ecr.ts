/** Amazon ECR as the API offers it. */
import * as ecr from '@aws-sdk/client-ecr';
import type { HandlersOf } from '../operation.ts';
import { ecrConstraints } from './constraints/ecr.ts';
import { defineService, type Service } from './service.ts';

/** A part of a layer has at most 20 MiB, and a third more in base64. */
const bodyLimit = 32 * 2 ** 20;

export function ecrService(handlers: HandlersOf<typeof ecr>): Service {
  return defineService({
    name: 'ecr',
    sdk: ecr,
    targetPrefix: 'AmazonEC2ContainerRegistry_V20150921',
    protocol: 'awsJson1_1',
    signingName: 'ecr',
    constraints: ecrConstraints,
    handlers,
    bodyLimit,
    invalid: (message) => new ecr.InvalidParameterException({ message: ownWords(message), $metadata: {} }),
    unbuilt: (operation) =>
      new ecr.ValidationException({ message: `Longshore does not implement ${operation} yet.`, $metadata: {} }),
  });
}

/** ECR says what is wrong with one value in a form of its own. */
function ownWords(message: string): string {
  const [, member, pattern] =
    /^1 validation error detected: Value '.*' at '(\w+)' failed to satisfy constraint: Member must satisfy regular expression pattern: (.*)$/s.exec(
      message,
    ) ?? [];
  return member === undefined
    ? message
    : `Invalid parameter at '${member}' failed to satisfy constraint: 'must satisfy regular expression '${pattern}''`;
}
