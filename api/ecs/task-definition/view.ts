/** A task definition as the API shows it. */
import type { TaskDefinition as TaskDefinitionView } from '@aws-sdk/client-ecs';
import { taskDefinitionArn } from '../../../core/arn.ts';
import type { Scope } from '../../../core/scope.ts';
import type { TaskDefinition } from '../../../core/task-definition.ts';

export function taskDefinitionView(scope: Scope, definition: TaskDefinition): TaskDefinitionView {
  const { body, revision, status, registeredAt, deregisteredAt, deleteRequestedAt } = definition;
  return {
    ...body,
    taskDefinitionArn: taskDefinitionArn(scope, body.family, revision),
    revision,
    status,
    registeredAt: new Date(registeredAt),
    ...(deregisteredAt !== undefined && { deregisteredAt: new Date(deregisteredAt) }),
    ...(deleteRequestedAt !== undefined && { deleteRequestedAt: new Date(deleteRequestedAt) }),
  };
}
