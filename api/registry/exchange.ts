/** What a handler of the registry is given and gives back. */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { RepositoryPath } from '../../core/registry/address.ts';
import type { SendBlob } from '../../core/registry/blob-store.ts';
import type { RegistryDeps } from '../../core/registry/deps.ts';
import type { RegistryEvents } from '../../core/registry/events.ts';
import type { FillCache } from '../../core/registry/pull-through.ts';
import type { RegistryPrincipal, TokenIssuer } from '../../core/registry/tokens.ts';
import type { Scope } from '../../core/scope.ts';
import type { StoredRepository } from '../../core/store/repository-store.ts';

export interface SiteDeps extends RegistryDeps {
  readonly tokens: TokenIssuer;
  /** Account and region of paths that name none. */
  readonly home: Scope;
  readonly events: RegistryEvents;
  readonly fillCache: FillCache;
  /** Whether a principal's pulls are not recorded. */
  readonly ignoresPulls: (registry: Scope, principal: RegistryPrincipal) => Promise<boolean>;
  /** Makes the repository that is pushed to, when a template is for it. */
  readonly createOnPush: (registry: Scope, name: string) => Promise<StoredRepository | undefined>;
  /** The registry's policy where it is for all actions; undefined: it is for replication, or there is none. */
  readonly registryPolicy: (registry: Scope) => Promise<string | undefined>;
  /** Whether a registry takes blobs from another of its repositories. */
  readonly mountsBlobs: (registry: Scope) => Promise<boolean>;
  readonly log: Logger;
}

export interface Exchange {
  readonly deps: SiteDeps;
  readonly method: string;
  readonly incoming: IncomingMessage;
  readonly query: URLSearchParams;
  readonly principal: RegistryPrincipal;
  /** The repository as the client's path names it. */
  readonly path: string;
  readonly target: RepositoryPath;
  /** The rest of the path: a tag, a digest, an upload's id. */
  readonly reference: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Buffer | Readable | SendBlob;
}

export type RegistryHandler = (exchange: Exchange) => Promise<Answer>;
