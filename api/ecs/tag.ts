/** Tag operations, on every kind of resource that can have tags. */
import { LimitExceededException, ResourceNotFoundException, type Tag } from '@aws-sdk/client-ecs';
import { partitionOf } from '../../core/arn.ts';
import type { Scope } from '../../core/scope.ts';
import type { Task } from '../../core/task.ts';
import { type Arn, isSameScope, parseArn } from './arn.ts';
import { activeCluster } from './cluster-lookup.ts';
import type { EcsDeps } from './deps.ts';
import { invalidParameter } from './errors.ts';
import type { EcsHandlers } from './handlers.ts';
import { isReserved, mergeTags, mostTags, validClusterTags, validTags } from './tag-rules.ts';

type Edit = (tags: readonly Tag[]) => readonly Tag[];

/** Reads a resource's tags, and writes what `edit` makes of them. */
type EditTags = (scope: Scope, arn: Arn, edit: Edit) => Promise<readonly Tag[]>;

export function tagHandlers(deps: EcsDeps) {
  const editors = editorsOf(deps);

  async function edit(scope: Scope, resourceArn: string | undefined, change: Edit): Promise<readonly Tag[]> {
    const arn = parseArn(resourceArn ?? '');
    const editor = arn?.service === 'ecs' ? editors.get(arn.type) : undefined;
    if (arn === undefined || editor === undefined || arn.partition !== partitionOf(scope.region))
      throw invalidParameter('The ARN provided is invalid.');
    if (!isSameScope(arn, scope)) throw notFound(arn.type);
    return editor(scope, arn, change);
  }

  return {
    TagResource: async (input, { caller }) => {
      const added =
        parseArn(input.resourceArn ?? '')?.type === 'cluster' ? validClusterTags(input.tags) : validTags(input.tags);
      if (added.length === 0) throw invalidParameter('Tags cannot be empty.');
      await edit(caller, input.resourceArn, (tags) => limited(mergeTags(tags, added)));
      return {};
    },

    UntagResource: async (input, { caller }) => {
      const keys = input.tagKeys ?? [];
      if (keys.length === 0) throw invalidParameter('Tag keys cannot be empty.');
      const reserved = keys.find(isReserved);
      if (reserved !== undefined) throw invalidParameter(`Tag keys that start with 'aws:' are reserved: ${reserved}`);
      await edit(caller, input.resourceArn, (tags) => tags.filter(({ key = '' }) => !keys.includes(key)));
      return {};
    },

    ListTagsForResource: async (input, { caller }) => ({
      tags: [...(await edit(caller, input.resourceArn, (tags) => tags))],
    }),
  } satisfies EcsHandlers;
}

function limited(tags: readonly Tag[]): readonly Tag[] {
  if (tags.filter(({ key = '' }) => !isReserved(key)).length > mostTags)
    throw new LimitExceededException({ message: `A resource can have at most ${mostTags} tags.`, $metadata: {} });
  return tags;
}

function editorsOf({ store }: EcsDeps): ReadonlyMap<string, EditTags> {
  const cluster: EditTags = async (scope, arn, edit) => {
    const name = only(arn);
    const [stored] = await store.clusters.get(scope, [name]);
    if (stored === undefined) throw notFound('cluster');
    const changed = await store.clusters.change(scope, name, editing(edit));
    if (changed === undefined)
      throw invalidParameter('The specified cluster is inactive. Specify an active cluster and try again.');
    return changed.cluster.tags;
  };

  const taskDefinition: EditTags = async (scope, arn, edit) => {
    const match = /^([^:]+):([1-9]\d{0,9})$/.exec(only(arn));
    if (match === null) throw invalidParameter('The ARN provided is invalid.');
    const name = { family: match[1] ?? '', revision: Number(match[2]) };
    const changed = await store.taskDefinitions.change(scope, name, editing(edit));
    if (changed === undefined) throw notFound('task definition');
    return changed.tags;
  };

  const task: EditTags = async (scope, arn, edit) => {
    const [clusterName, id] = inCluster(arn);
    await activeCluster(store, scope, clusterName);
    const changed = await store.tasks.want(scope, id, (found) => {
      if (found.spec.clusterName !== clusterName) throw notFound('task');
      if (isStopping(found))
        throw invalidParameter('The specified task is stopped. Specify a running task and try again.');
      return editing(edit)(found.wanted);
    });
    if (changed === undefined) throw notFound('task');
    return changed.wanted.tags;
  };

  const service: EditTags = async (scope, arn, edit) => {
    const [clusterName, name] = inCluster(arn);
    await activeCluster(store, scope, clusterName);
    const changed = await store.services.change({ ...scope, clusterName, name }, (found) => {
      if (found.status !== 'ACTIVE')
        throw invalidParameter('The specified service is inactive. Specify an active service and try again.');
      const edited = editing(edit)(found);
      return edited && { service: edited };
    });
    if (changed === undefined) throw notFound('service');
    return changed.service.tags;
  };

  const taskSet: EditTags = async (scope, arn, edit) => {
    const [clusterName, name] = inCluster(arn);
    const id = arn.path.slice(2).join('/');
    await activeCluster(store, scope, clusterName);
    const changed = await store.services.change({ ...scope, clusterName, name }, (found) => {
      const deployments = found.deployments.map((each) => {
        const edited = each.id === id && each.taskSet ? editing(edit)(each.taskSet) : undefined;
        return edited ? { ...each, taskSet: edited } : each;
      });
      return deployments.some((each, index) => each !== found.deployments[index])
        ? { service: { ...found, deployments } }
        : undefined;
    });
    const tags = changed?.service.deployments.find((each) => each.id === id)?.taskSet?.tags;
    if (tags === undefined) throw notFound('task set');
    return tags;
  };

  const absent =
    (what: string): EditTags =>
    async (scope, arn) => {
      const [clusterName] = inCluster(arn);
      await activeCluster(store, scope, clusterName);
      throw notFound(what);
    };

  return new Map<string, EditTags>([
    ['cluster', cluster],
    ['task-definition', taskDefinition],
    ['task', task],
    ['service', service],
    ['container-instance', absent('container instance')],
    ['task-set', taskSet],
    [
      'capacity-provider',
      async () => {
        throw notFound('capacity provider');
      },
    ],
  ]);
}

/** A change of whatever has tags; undefined when they stay as they are. */
function editing(edit: Edit) {
  return <T extends { readonly tags: readonly Tag[] }>(value: T): T | undefined => {
    const tags = edit(value.tags);
    return tags === value.tags ? undefined : { ...value, tags };
  };
}

/** A stopped task's tags are gone with its stop. */
function isStopping({ wanted, observed }: Task): boolean {
  return wanted.stop !== undefined || observed.stop !== undefined || observed.stoppedAt !== undefined;
}

function only({ path: [name = '', ...more] }: Arn): string {
  if (more.length > 0) throw invalidParameter('The ARN provided is invalid.');
  return name;
}

function inCluster({ path: [cluster = '', id] }: Arn): readonly [cluster: string, id: string] {
  if (id === undefined) throw invalidParameter('Long arn format must be used for tagging operations');
  return [cluster, id];
}

function notFound(what: string): ResourceNotFoundException {
  return new ResourceNotFoundException({ message: `The specified ${what} was not found.`, $metadata: {} });
}
