/** Task definition operations. */
import type { Failure, TaskDefinition as TaskDefinitionView } from '@aws-sdk/client-ecs';
import { taskDefinitionArn } from '../../../core/arn.ts';
import type { Scope } from '../../../core/scope.ts';
import type { TaskDefinitionName } from '../../../core/store/store.ts';
import type { TaskDefinition } from '../../../core/task-definition.ts';
import { isName, parseTaskDefinitionReference, type TaskDefinitionReference } from '../arn.ts';
import type { EcsDeps } from '../deps.ts';
import { clientError, invalidParameter } from '../errors.ts';
import { failure } from '../failures.ts';
import type { EcsHandlers } from '../handlers.ts';
import { paging } from '../pagination.ts';
import { validTags } from '../tag-rules.ts';
import { normalise } from './normalise.ts';
import { assertRegistrable } from './validate.ts';
import { taskDefinitionView } from './view.ts';

const mostDeleted = 10;

export function taskDefinitionHandlers({ store, clock }: EcsDeps) {
  const { taskDefinitions } = store;

  return {
    RegisterTaskDefinition: async (input, { caller }) => {
      assertRegistrable(input);
      const tags = validTags(input.tags);
      const definition = await taskDefinitions.register(caller, normalise(input, caller.arn), tags, clock());
      return { taskDefinition: taskDefinitionView(caller, definition), tags: [...tags] };
    },

    DescribeTaskDefinition: async (input, { caller }) => {
      const reference = parseTaskDefinitionReference(caller, input.taskDefinition ?? '');
      const definition = reference && (await find(caller, reference));
      if (definition === undefined) throw clientError('Unable to describe task definition.');
      return {
        taskDefinition: taskDefinitionView(caller, definition),
        tags: input.include?.includes('TAGS') ? [...definition.tags] : [],
      };
    },

    DeregisterTaskDefinition: async (input, { caller }) => {
      const reference = parseTaskDefinitionReference(caller, input.taskDefinition ?? '');
      if (reference && reference.revision === undefined) throw clientError('Revision is missing.');
      const at = clock();
      const definition =
        reference && isExact(reference) && (await taskDefinitions.change(caller, reference, deregister(at)));
      if (!definition) throw clientError(refusals.missing);
      return { taskDefinition: taskDefinitionView(caller, definition) };
    },

    DeleteTaskDefinitions: async (input, { caller }) => {
      const identifiers = input.taskDefinitions ?? [];
      if (identifiers.length === 0)
        throw invalidParameter('size of TaskDefinition references list must be greater than 0');
      if (identifiers.length > mostDeleted)
        throw invalidParameter(`Size of TaskDefinition references list cannot exceed ${mostDeleted}`);
      const deleted: TaskDefinitionView[] = [];
      const failures: Failure[] = [];
      for (const identifier of new Set(identifiers)) {
        const result = await requestDeletion(caller, identifier);
        if (result.definition) deleted.push(result.definition);
        else failures.push(failure(result.arn, result.reason));
      }
      return { taskDefinitions: deleted, failures };
    },

    ListTaskDefinitions: async (input, { caller }) => {
      const pages = paging(caller, 'ListTaskDefinitions', input);
      const { status = 'ACTIVE', familyPrefix: family, sort } = input;
      const filter = { status, descending: sort === 'DESC', ...(family !== undefined && { family }) };
      const { items, next } = await taskDefinitions.list(caller, filter, pages.request);
      return {
        taskDefinitionArns: items.map((name) => taskDefinitionArn(caller, name.family, name.revision)),
        nextToken: pages.token(next),
      };
    },

    ListTaskDefinitionFamilies: async (input, { caller }) => {
      const pages = paging(caller, 'ListTaskDefinitionFamilies', input);
      const { status = 'ACTIVE', familyPrefix: prefix } = input;
      const filter = { status, ...(prefix !== undefined && { prefix }) };
      const { items, next } = await taskDefinitions.listFamilies(caller, filter, pages.request);
      return { families: [...items], nextToken: pages.token(next) };
    },
  } satisfies EcsHandlers;

  function find(scope: Scope, reference: TaskDefinitionReference): Promise<TaskDefinition | undefined> {
    return isExact(reference) ? taskDefinitions.get(scope, reference) : taskDefinitions.latest(scope, reference.family);
  }

  async function requestDeletion(scope: Scope, identifier: string): Promise<Deletion> {
    const name = exactName(scope, identifier);
    if (name === 'invalid') return { arn: identifier, reason: refusals.invalid };
    const changed = name && (await taskDefinitions.change(scope, name, markForDeletion(clock())));
    const arn = name ? taskDefinitionArn(scope, name.family, name.revision) : identifier;
    if (changed === undefined) return { arn, reason: refusals.missing };
    if (changed.status === 'ACTIVE') return { arn, reason: refusals.active };
    return { definition: taskDefinitionView(scope, changed) };
  }
}

type Deletion =
  | { readonly definition: TaskDefinitionView }
  | { readonly definition?: undefined; readonly arn: string; readonly reason: string };

const refusals = {
  invalid: 'The specified task definition identifier is invalid. Specify a valid name or ARN and try again.',
  missing: 'The specified task definition does not exist. Specify a valid account, family, revision and try again.',
  active: 'The specified task definition is still in ACTIVE status. Please deregister the target and try again.',
};

function isExact(reference: TaskDefinitionReference): reference is TaskDefinitionName {
  return reference.revision !== undefined;
}

/** Unlike other operations, DeleteTaskDefinitions tells of a bad identifier beside the good ones. */
function exactName(scope: Scope, identifier: string): TaskDefinitionName | 'invalid' | undefined {
  const text = identifier.startsWith('arn:') ? identifier.slice(identifier.lastIndexOf('/') + 1) : identifier;
  const [family = '', revision = '', ...more] = text.split(':');
  if (!isName(family) || !/^[1-9]\d{0,9}$/.test(revision) || more.length > 0) return 'invalid';
  const isArn = /^arn:[^:]+:ecs:[^:]*:[^:]*:task-definition\/[^/]+$/.test(identifier);
  if (identifier.startsWith('arn:') ? !isArn : identifier.includes('/')) return 'invalid';
  const reference = parseTaskDefinitionReference(scope, identifier);
  return reference && isExact(reference) ? reference : undefined;
}

/** A revision that is inactive already stays as it was first deregistered. */
function deregister(at: number) {
  return (definition: TaskDefinition): TaskDefinition | undefined =>
    definition.status === 'ACTIVE' ? { ...definition, status: 'INACTIVE', deregisteredAt: at } : undefined;
}

function markForDeletion(at: number) {
  return (definition: TaskDefinition): TaskDefinition | undefined =>
    definition.status === 'INACTIVE'
      ? { ...definition, status: 'DELETE_IN_PROGRESS', deleteRequestedAt: at }
      : undefined;
}
