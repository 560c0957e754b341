/**
 * The named operations on what Longshore remembers. Reads cost by what they return. Writes are revision-checked: a
 * `change` function is given the newest value, is called again when another writer was quicker, and must be pure;
 * it returns undefined to leave things as they are.
 */

import type { Tag } from '@aws-sdk/client-ecs';
import type { Cluster, ClusterCounts } from '../cluster.ts';
import type { Scope } from '../scope.ts';
import type {
  Service,
  ServiceDeployment,
  ServiceEvent,
  ServiceKey,
  ServiceName,
  ServiceRevision,
} from '../service/service.ts';
import type { ServiceTask } from '../service-plan/service-task.ts';
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
  /** ACTIVE -> INACTIVE, unless services or live tasks are in it. */
  delete(
    scope: Scope,
    name: string,
  ): Promise<{
    readonly outcome: 'deleted' | 'missing' | 'has-services' | 'has-tasks';
    readonly stored?: StoredCluster;
  }>;
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
  /**
   * Forgets definitions whose deletion was asked for before a moment and that neither a live task nor a service uses;
   * returns how many.
   */
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
  /** The service that starts the tasks: nothing may have been decided for it since `revision` of its record. */
  readonly service?: { readonly key: ServiceKey; readonly revision: number; readonly deploymentId: string };
}

/** What is missing, so that no worker could take a task if it had the room; `runtime`: the one that the task asks for. */
export type Lack = 'workers' | 'architecture' | 'runtime';

export type PlaceResult =
  | {
      readonly outcome: 'placed';
      readonly tasks: readonly Task[];
      readonly unplaced: number;
      /** Whether any worker could take the unplaced tasks if it had the room. */
      readonly lacking?: Lack;
    }
  /**
   * The token was used before: with the same request or with another one. `placed` tasks came of it, `tasks` are those
   * that are still remembered.
   */
  | { readonly outcome: 'repeated' | 'token-conflict'; readonly tasks: readonly Task[]; readonly placed: number }
  | { readonly outcome: 'cluster-inactive' }
  /** Something was decided for the service since: look again. */
  | { readonly outcome: 'service-changed' };

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

export interface StoredService {
  readonly service: Service;
  readonly revision: number;
  /** Tasks of each deployment by lastStatus; kept as tasks come and go. */
  readonly counts: Readonly<Record<string, { readonly running: number; readonly pending: number }>>;
}

/** A service with all that planning needs. */
export interface ServiceLook extends StoredService {
  /** Tasks that were placed since the service was last written. */
  readonly started: readonly string[];
  /** Tasks that are not accounted for yet. */
  readonly tasks: readonly ServiceTask[];
  /** Ids whose task is no longer remembered. */
  readonly gone: readonly string[];
  /** Its number in the list of services with work; undefined: it is not there. */
  readonly work?: string;
  /** When the service is to be looked at again. */
  readonly timer?: Millis;
  /** It stands in the line for capacity. */
  readonly isWaiting: boolean;
}

/** What is written together with a service. */
export interface ServiceWrite {
  readonly service: Service;
  readonly events?: readonly ServiceEvent[];
  readonly settled?: readonly string[];
  /** Entries of the history beside the service's own newest one. */
  readonly history?: readonly ServiceDeployment[];
  /** The tasks in ServiceLook.started were told of. */
  readonly toldStarted?: boolean;
  /** `new`: the service needs a look; `done`: it needs none, unless something happened since it was read. */
  readonly work?: 'new' | 'done';
  /** null: not before something happens; undefined: as it is. */
  readonly lookAgainAt?: Millis | null;
  /** Since when it waits for capacity; null: it does not; undefined: as it is. */
  readonly waitsSince?: Millis | null;
}

export interface ServiceStore {
  /** In the order of `names`. */
  get(scope: Scope, clusterName: string, names: readonly string[]): Promise<readonly (StoredService | undefined)[]>;
  look(key: ServiceKey): Promise<ServiceLook | undefined>;
  /** `before` undefined: there must be none of that name. The new revision, if nobody else was quicker. */
  write(
    before: (Pick<StoredService, 'service' | 'revision'> & Partial<Pick<ServiceLook, 'work'>>) | undefined,
    write: ServiceWrite,
  ): Promise<number | 'conflict' | 'cluster-inactive'>;
  /** Ends a look that changed nothing. False: somebody decided something meanwhile. */
  rest(look: ServiceLook, lookAgainAt: Millis | undefined): Promise<boolean>;
  /** For requests: `change` may be called again, and throw. The service gets a look. undefined: there is no service. */
  change(
    name: ServiceName,
    change: (service: Service, stored: StoredService) => ServiceWrite | undefined,
  ): Promise<StoredService | undefined>;
  /** Says that the service needs a look, as when one of its tasks was protected. */
  touch(key: ServiceKey): Promise<void>;
  /** Newest first, at most a hundred. */
  events(key: ServiceKey): Promise<readonly ServiceEvent[]>;
  deployments(key: ServiceKey, ids: readonly string[]): Promise<readonly (ServiceDeployment | undefined)[]>;
  /** Newest first, all that are remembered: at most a hundred. */
  history(key: ServiceKey): Promise<readonly ServiceDeployment[]>;
  revisions(key: ServiceKey, ids: readonly string[]): Promise<readonly (ServiceRevision | undefined)[]>;
  /** Names of the ACTIVE services of a cluster, in order. */
  list(scope: Scope, clusterName: string, page: PageRequest): Promise<Page<string>>;
  /** Services that need a look: something happened, or it is time. Costs by what it returns. */
  due(now: Millis, most: number): Promise<readonly ServiceKey[]>;
  /** Takes those that have waited for capacity the longest out of the line. */
  takeWaiting(most: number): Promise<readonly ServiceKey[]>;
  /** Forgets at most `most` services that became INACTIVE before a moment; returns how many. */
  purgeInactive(before: Millis, most: number): Promise<number>;
}

export interface Store {
  /** Random, made once: a store that has lost its data, or another one under the same prefix, has another. */
  identity(): Promise<string>;
  readonly clusters: ClusterStore;
  readonly taskDefinitions: TaskDefinitionStore;
  readonly tasks: TaskStore;
  readonly services: ServiceStore;
  readonly workers: WorkerStore;
  readonly accountSettings: AccountSettingStore;
}
