/** Tasks as people name them on the command line. */
import { parseArn } from '../api/ecs/arn.ts';
import type { Scope } from '../core/scope.ts';
import { Failure } from './failure.ts';

/** @throws Failure for what is not the ARN of a task */
export function taskNamed(arn: string): Scope & { readonly taskId: string } {
  const named = parseArn(arn);
  const taskId = named?.path.at(-1);
  if (named?.service !== 'ecs' || named.type !== 'task' || taskId === undefined)
    throw new Failure(
      `${arn} is not the ARN of a task, such as arn:aws:ecs:us-east-1:000000000000:task/default/0123….`,
    );
  return { accountId: named.accountId, region: named.region, taskId };
}

export function noSuchTask({ accountId, region, taskId }: ReturnType<typeof taskNamed>): Failure {
  return new Failure(`There is no task ${taskId} in account ${accountId}, region ${region}.`);
}
