/** Tasks as requests name them: ids and ARNs within a cluster. */
import type { Scope } from '../../core/scope.ts';
import { findIdInCluster } from './arn.ts';
import { invalidParameter } from './errors.ts';

/** 36: the ids with dashes of before 2018, which are accepted and never found. */
const lengths: readonly number[] = [32, 36];

/**
 * undefined: an ARN of another account, region or cluster.
 * @throws InvalidParameterException for what cannot name a task
 */
export function findTaskId(scope: Scope, cluster: string, identifier: string): string | undefined {
  const id = findIdInCluster(scope, cluster, 'task', identifier);
  if (id !== undefined && !lengths.includes(id.length))
    throw invalidParameter(`taskId length should be one of [${lengths.join(',')}]`);
  return id;
}
