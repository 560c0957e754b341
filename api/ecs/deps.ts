/** What ECS handlers work with. */
import type { Clock } from '../../core/clock.ts';
import type { Store } from '../../core/store/store.ts';

export interface EcsDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** A new random UUID, with dashes. */
  readonly newUuid: () => string;
}
