/** What others want to hear of the registry: replication, scans, lifecycle policies. */
import type { Scope } from '../scope.ts';
import type { Image, Repository } from './repository.ts';

export interface PushedImage {
  readonly scope: Scope;
  readonly repository: Repository;
  readonly image: Image;
  readonly tag?: string;
}

/** Each returns at once: what follows from an event is done later, and again when it was lost. */
export interface RegistryEvents {
  readonly pushed: (event: PushedImage) => void;
}

export const nobodyListens: RegistryEvents = { pushed: () => {} };
