/** Items that a batch operation could not serve: values in the answer, not exceptions. */
import type { Failure } from '@aws-sdk/client-ecs';

/** @param arn full ARN of what was asked for, even where the request named it shortly */
export function missing(arn: string): Failure {
  return { arn, reason: 'MISSING' };
}

export function failure(arn: string, reason: string, detail?: string): Failure {
  return detail === undefined ? { arn, reason } : { arn, reason, detail };
}
