/** What others want to hear of the registry. */
import type { Scope } from '../scope.ts';
import type { Image, Repository } from './repository.ts';

export interface PushedImage {
  readonly scope: Scope;
  readonly repository: Repository;
  readonly image: Image;
  readonly tag?: string;
}

export interface RegistryEvents {
  /** Resolves when what must follow is noted; it is done later. Call it before a push is acknowledged. */
  readonly pushed: (event: PushedImage) => Promise<void>;
}
