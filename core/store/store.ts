/**
 * The named operations on what Longshore remembers. Reads cost by what they return. Writes are revision-checked: a
 * `change` function is given the newest value, is called again when another writer was quicker, and must be pure;
 * it returns undefined to leave things as they are.
 */

import type { Tag } from '@aws-sdk/client-ecs';
import type { Cluster, ClusterCounts } from '../cluster.ts';
import type { Scope } from '../scope.ts';
import type { DesiredStatus, Millis, Observed, Task, TaskKey, TaskSpec, Wanted } from '../task.ts';
import type { TaskDefinition, TaskDefinitionBody, TaskDefinitionStatus } from '../task-definition.ts';
import type { Worker, WorkerRegistration } from '../worker.ts';

export interface PageRequest {
  /** `next` of the page before. */
  readonly after?: string;
  readonly limit: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Absent on the last page. */
  readonly next?: string;
}

export interface StoredCluster {
  readonly cluster: Cluster;
  readonly revision: number;
  readonly counts: ClusterCounts;
}

export interface ClusterStore {
  /** An ACTIVE cluster of that name is returned as it is (created false); an INACTIVE one is replaced. */
  create(scope: Scope, cluster: Cluster): Promise<{ readonly created: boolean; readonly stored: StoredCluster }>;
  /** In the order of `names`; INACTIVE clusters are returned too. */
  get(scope: Scope, names: readonly string[]): Promise<readonly (StoredCluster | undefined)[]>;
  /** undefined: there is no ACTIVE cluster of that name. */
  change(
    scope: Scope,
    name: string,
    change: (cluster: Cluster) => Cluster | undefined,
  ): Promise<StoredCluster | undefined>;
  /** ACTIVE -> INACTIVE, unless tasks are live in it. */
  delete(
    scope: Scope,
    name: string,
  ): Promise<{ readonly outcome: 'deleted' | 'missing' | 'has-tasks'; readonly stored?: StoredCluster }>;
  /** Names of ACTIVE clusters, in order. */
  list(scope: Scope, page: PageRequest): Promise<Page<string>>;
}

export interface TaskDefinitionName {
  readonly family: string;
  readonly revision: number;
}

export interface TaskDefinitionStore {
  /** Takes the family's next revision number; a number is never used twice. */
  register(scope: Scope, body: TaskDefinitionBody, tags: readonly Tag[], at: Millis): Promise<TaskDefinition>;
  get(scope: Scope, name: TaskDefinitionName): Promise<TaskDefinition | undefined>;
  /** Newest ACTIVE revision of the family. */
  latest(scope: Scope, family: string): Promise<TaskDefinition | undefined>;
  change(
    scope: Scope,
    name: TaskDefinitionName,
    change: (definition: TaskDefinition) => TaskDefinition | undefined,
  ): Promise<TaskDefinition | undefined>;
  /** Ordered by family, then revision. `family` is exact. */
  list(
    scope: Scope,
    filter: { readonly status: TaskDefinitionStatus; readonly family?: string; readonly descending?: boolean },
    page: PageRequest,
  ): Promise<Page<TaskDefinitionName>>;
  /** INACTIVE: families with no ACTIVE revision. */
  listFamilies(
    scope: Scope,
    filter: { readonly status: 'ACTIVE' | 'INACTIVE' | 'ALL'; readonly prefix?: string },
    page: PageRequest,
  ): Promise<Page<string>>;
  /** Forgets definitions whose deletion was asked for before a moment and that no live task uses; returns how many. */
  purgeDeleted(before: Millis, most: number): Promise<number>;
}

/** A task that is to be recorded and to take its share of a worker, both or neither. */
export interface NewTask {
  readonly spec: Omit<TaskSpec, 'worker'>;
  readonly wanted: Wanted;
}

export interface PlaceRequest {
  readonly tasks: readonly NewTask[];
  /** The cluster must still be ACTIVE when the tasks are recorded. */
  readonly clusterName: string;
  /** RunTask's clientToken with a digest of the request it came with. */
  readonly token?: { readonly value: string; readonly requestDigest: string };
}

export type PlaceResult =
  | {
      readonly outcome: 'placed';
      readonly tasks: readonly Task[];
      readonly unplaced: number;
      /** Whether any worker could take the unplaced tasks if it had the room. */
      readonly lacking?: 'workers' | 'architecture';
    }
  /**
   * The token was used before: with the same request or with another one. `placed` tasks came of it, `tasks` are those
   * that are still remembered.
   */
  | { readonly outcome: 'repeated' | 'token-conflict'; readonly tasks: readonly Task[]; readonly placed: number }
  | { readonly outcome: 'cluster-inactive' };

export interface TaskFilter {
  readonly clusterName: string;
  readonly desiredStatus: DesiredStatus;
  readonly family?: string;
  readonly startedBy?: string;
  readonly serviceName?: string;
}

export interface TaskStore {
  /** What an earlier request with this token made; undefined: there was none. */
  placedBefore(
    scope: Scope,
    token: NonNullable<PlaceRequest['token']>,
  ): Promise<Extract<PlaceResult, { outcome: 'repeated' | 'token-conflict' }> | undefined>;
  /** @throws WorkersAwayError when nothing could be placed, but a worker that is just away may have room */
  place(scope: Scope, request: PlaceRequest): Promise<PlaceResult>;
  /** In the order of `ids`. */
  get(scope: Scope, ids: readonly string[]): Promise<readonly (Task | undefined)[]>;
  /**
   * The control plane's writer: changes what is wanted, and wakes the worker.
   * undefined: no such task.
   */
  want(scope: Scope, id: string, change: (task: Task) => Wanted | undefined): Promise<Task | undefined>;
  /**
   * The worker's writer: adds to what was observed. Starts from `task` as the worker knows it.
   * @throws FencedError once another instance holds the worker's name
   */
  observe(task: Task, instance: string, change: (task: Task) => Observed | undefined): Promise<Task>;
  /** Ids of tasks, in order of id. */
  list(scope: Scope, filter: TaskFilter, page: PageRequest): Promise<Page<string>>;
  /** Forgets at most `most` tasks that stopped before a moment; returns how many. */
  purgeStopped(before: Millis, most: number): Promise<number>;
}

/** One worker's side of the store. Every write is refused with FencedError once another instance holds the name. */
export interface WorkerStore {
  /** leaseUntil is given in this host's clock. */
  list(): Promise<readonly Worker[]>;
  get(name: string): Promise<Worker | undefined>;
  /**
   * `isDead` tells of the present holder's process whether it is known to have ended; then its lease need not run out.
   * @throws WorkerNameTakenError while another live instance holds the name
   */
  register(registration: WorkerRegistration, isDead: (holder: WorkerRegistration) => boolean): Promise<void>;
  /** Lets placement use the worker, for `slots` tasks at once. */
  open(name: string, instance: string, slots: number): Promise<void>;
  /** Renews the lease; returns the tasks whose wanted state changed after `since`, and the new position. */
  heartbeat(
    name: string,
    instance: string,
    since: number,
  ): Promise<{ readonly changed: readonly TaskKey[]; readonly position: number }>;
  /** Gives the lease up; tasks stay with the name. */
  release(name: string, instance: string): Promise<void>;
  /** Every task that the worker holds: recorded and not yet STOPPED. */
  tasks(name: string): Promise<readonly TaskKey[]>;
  /** Leases a range of the task network: the index of a free one that is not in `taken`. The name keeps its range. */
  leaseNetworkRange(name: string, ranges: number, taken: readonly number[]): Promise<number | undefined>;
  /**
   * Names of workers that hold tasks and have been without a lease for `lostAfter` milliseconds. From then on none of
   * their processes may write; the caller may, as `lostInstance`, until one registers anew. Call it regularly: time
   * between two calls that is longer than `longestStep` does not count, for nobody was there to renew a lease with.
   */
  claimLost(lostAfter: number, longestStep: number): Promise<readonly string[]>;
  /** Forgets workers without tasks whose lease ended before a moment; returns how many. */
  purgeAbandoned(before: Millis): Promise<number>;
}

export interface AccountSettingStore {
  /** name -> value for one principal ARN, or for the account's default (principal undefined). */
  get(scope: Scope, principal: string | undefined): Promise<Readonly<Record<string, string>>>;
  put(scope: Scope, principal: string | undefined, name: string, value: string): Promise<void>;
  delete(scope: Scope, principal: string, name: string): Promise<string | undefined>;
  principals(scope: Scope): Promise<readonly string[]>;
}

export interface Store {
  /** Random, made once: a store that has lost its data, or another one under the same prefix, has another. */
  identity(): Promise<string>;
  readonly clusters: ClusterStore;
  readonly taskDefinitions: TaskDefinitionStore;
  readonly tasks: TaskStore;
  readonly workers: WorkerStore;
  readonly accountSettings: AccountSettingStore;
}
