/** What ECR's handlers work with. */
import type * as ecr from '@aws-sdk/client-ecr';
import type { RegistryEvents } from '../../core/registry/events.ts';
import type { PullThroughDeps } from '../../core/registry/pull-through.ts';
import type { TokenIssuer } from '../../core/registry/tokens.ts';
import type { Scope } from '../../core/scope.ts';
import type { ImageNotes, RepositoryNotes } from '../../core/store/note-store.ts';
import type { HandlersOf } from '../operation.ts';

export interface EcrDeps extends PullThroughDeps {
  readonly previews: RepositoryNotes;
  readonly scans: ImageNotes;
  readonly replications: ImageNotes;
  readonly tokens: TokenIssuer;
  readonly events: RegistryEvents;
  /** The registry's policy where it is for all actions; undefined: it is for replication, or there is none. */
  readonly registryPolicy: (registry: Scope) => Promise<string | undefined>;
  /** Begins something that nobody waits for. */
  readonly background: (work: () => Promise<unknown>) => void;
  /** Account and region of repositories with short names. */
  readonly home: Scope;
  /** What the names of images begin with, for example `127.0.0.1:4566`. */
  readonly registryHost: () => string;
}

export type EcrHandlers = HandlersOf<typeof ecr>;
