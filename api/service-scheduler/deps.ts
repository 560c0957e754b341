/** What the service scheduler works with. */
import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import type { EfsFileSystems } from '../../core/efs.ts';
import type { ServiceQueue } from '../../core/service-queue.ts';
import type { Store } from '../../core/store/store.ts';
import type { Millis } from '../../core/task.ts';

export interface SchedulerDeps {
  readonly store: Store;
  readonly queue: Pick<ServiceQueue, 'wake' | 'wakeAt' | 'call'>;
  readonly clock: Clock;
  /** A new random UUID, with dashes. */
  readonly newUuid: () => string;
  /** Milliseconds after RUNNING at which a task without a health check counts as healthy. */
  readonly healthyAfter: Millis;
  /** Where Lambda functions are invoked; absent: hooks may only name HTTP addresses. */
  readonly lambdaEndpoint?: string;
  /** Runtime of the tasks of clusters whose tags name none, one of runtimeChoices. */
  readonly clusterRuntime: string;
  readonly efs?: () => EfsFileSystems;
  readonly log: Logger;
}
