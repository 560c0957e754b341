/** The tags that a new task starts with. */
import type { RunTaskRequest, Tag } from '@aws-sdk/client-ecs';
import { invalidParameter } from '../errors.ts';
import { mergeTags, mostTags, validTags } from '../tag-rules.ts';

/**
 * The request's tags over those of the definition, when they are to be propagated; ECS's own come last.
 * @throws InvalidParameterException
 */
export function tagsOfNewTask(
  input: Pick<RunTaskRequest, 'tags' | 'propagateTags' | 'enableECSManagedTags'>,
  definitionTags: readonly Tag[],
  clusterName: string,
): readonly Tag[] {
  const given = validTags(input.tags);
  const tags = input.propagateTags === 'TASK_DEFINITION' ? mergeTags(definitionTags, given) : given;
  if (tags.length > mostTags) throw invalidParameter(`A resource can have at most ${mostTags} tags.`);
  return input.enableECSManagedTags ? [...tags, { key: 'aws:ecs:clusterName', value: clusterName }] : tags;
}
