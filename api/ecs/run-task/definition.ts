/** The revision that a request to run something names. */
import type { Scope } from '../../../core/scope.ts';
import type { Store } from '../../../core/store/store.ts';
import type { TaskDefinition } from '../../../core/task-definition.ts';
import { parseTaskDefinitionReference } from '../arn.ts';
import { clientError, invalidParameter } from '../errors.ts';

/**
 * @param identifier family (its newest ACTIVE revision), family:revision, or ARN
 * @throws ClientException when there is none, InvalidParameterException when it is not ACTIVE
 */
export async function definitionToRun(store: Store, scope: Scope, identifier: string): Promise<TaskDefinition> {
  const reference = parseTaskDefinitionReference(scope, identifier);
  const definition = reference && (await read(store, scope, reference));
  if (definition === undefined) throw clientError('TaskDefinition not found.');
  if (definition.status !== 'ACTIVE') throw invalidParameter('TaskDefinition is inactive');
  return definition;
}

function read(
  store: Store,
  scope: Scope,
  { family, revision }: { readonly family: string; readonly revision?: number },
): Promise<TaskDefinition | undefined> {
  return revision === undefined
    ? store.taskDefinitions.latest(scope, family)
    : store.taskDefinitions.get(scope, { family, revision });
}
