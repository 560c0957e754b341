/** What ECS handlers work with. */
import type { Clock } from '../../core/clock.ts';
import type { EfsFileSystems } from '../../core/efs.ts';
import type { ServiceKey } from '../../core/service/service.ts';
import type { ExecSessionStore } from '../../core/store/exec-session-store.ts';
import type { Store } from '../../core/store/store.ts';

export interface EcsDeps {
  readonly store: Store;
  readonly execSessions: ExecSessionStore;
  readonly clock: Clock;
  /** A new random UUID, with dashes. */
  readonly newUuid: () => string;
  /** Runtime of the tasks of clusters whose tags name none, one of runtimeChoices. */
  readonly clusterRuntime: string;
  /** Where EFS file systems really are, read anew each time. Absent: nowhere. */
  readonly efs?: () => EfsFileSystems;
  /** Has the scheduler look at a service whose record says so already. Absent: nobody is woken. */
  readonly wakeService?: (service: ServiceKey) => void;
  /** Where lifecycle hooks' Lambda functions are invoked. */
  readonly lambdaEndpoint?: string;
}
