/** What ECR's handlers work with. */
import type * as ecr from '@aws-sdk/client-ecr';
import type { RegistryDeps } from '../../core/registry/deps.ts';
import type { RegistryEvents } from '../../core/registry/events.ts';
import type { TokenIssuer } from '../../core/registry/tokens.ts';
import type { Scope } from '../../core/scope.ts';
import type { RegistrySettingsStore } from '../../core/store/registry-settings-store.ts';
import type { HandlersOf } from '../operation.ts';

export interface EcrDeps extends RegistryDeps {
  readonly settings: RegistrySettingsStore;
  readonly tokens: TokenIssuer;
  readonly events: RegistryEvents;
  /** Account and region of repositories with short names. */
  readonly home: Scope;
  /** What the names of images begin with, for example `127.0.0.1:4566`. */
  readonly registryHost: () => string;
}

export type EcrHandlers = HandlersOf<typeof ecr>;
