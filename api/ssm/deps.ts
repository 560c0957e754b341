/** What Parameter Store's handlers work with. */
import type * as ssm from '@aws-sdk/client-ssm';
import type { Clock } from '../../core/clock.ts';
import type { Summons } from '../../core/exec/session.ts';
import type { ExecSessionStore } from '../../core/store/exec-session-store.ts';
import type { ParameterStore } from '../../core/store/parameter-store.ts';
import type { HandlersOf } from '../operation.ts';

export interface SsmDeps {
  readonly parameters: ParameterStore;
  readonly execSessions: ExecSessionStore;
  /** Calls a worker; false: it does not listen. */
  readonly summon: (worker: string, summons: Summons) => Promise<boolean>;
  readonly clock: Clock;
}

export type SsmHandlers = HandlersOf<typeof ssm>;
