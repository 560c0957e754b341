/** What Parameter Store's handlers work with. */
import type * as ssm from '@aws-sdk/client-ssm';
import type { Clock } from '../../core/clock.ts';
import type { ParameterStore } from '../../core/store/parameter-store.ts';
import type { HandlersOf } from '../operation.ts';

export interface SsmDeps {
  readonly parameters: ParameterStore;
  readonly clock: Clock;
}

export type SsmHandlers = HandlersOf<typeof ssm>;
