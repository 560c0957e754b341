/** The tags that a service's tasks start with. */
import type { Tag } from '@aws-sdk/client-ecs';
import type { Service } from '../../../core/service/service.ts';
import { isReserved } from '../tag-rules.ts';

export function serviceTaskTags(service: Service, definitionTags: readonly Tag[]): readonly Tag[] {
  const { propagateTags, tags, enableECSManagedTags, clusterName, name } = service;
  const propagated = propagateTags === 'SERVICE' ? tags : propagateTags === 'TASK_DEFINITION' ? definitionTags : [];
  const own = propagated.filter(({ key = '' }) => !isReserved(key));
  return enableECSManagedTags
    ? [...own, { key: 'aws:ecs:clusterName', value: clusterName }, { key: 'aws:ecs:serviceName', value: name }]
    : own;
}
