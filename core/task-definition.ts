/** A task definition's revision as stored: the registered fields, normalised, plus its life. */
import type { RegisterTaskDefinitionRequest, TaskDefinition as SdkTaskDefinition, Tag } from '@aws-sdk/client-ecs';
import type { Millis } from './task.ts';

export type TaskDefinitionStatus = 'ACTIVE' | 'INACTIVE' | 'DELETE_IN_PROGRESS';

/** What RegisterTaskDefinition answers, without what depends on the revision's life. */
export type TaskDefinitionBody = Omit<
  SdkTaskDefinition,
  'taskDefinitionArn' | 'family' | 'revision' | 'status' | 'registeredAt' | 'deregisteredAt' | 'deleteRequestedAt'
> &
  Pick<RegisterTaskDefinitionRequest, 'family'> & { readonly family: string };

export interface TaskDefinition {
  readonly body: TaskDefinitionBody;
  readonly revision: number;
  readonly status: TaskDefinitionStatus;
  readonly registeredAt: Millis;
  readonly deregisteredAt?: Millis;
  readonly deleteRequestedAt?: Millis;
  readonly tags: readonly Tag[];
}
