/** What the registry's rules work with. */
import type { Clock } from '../clock.ts';
import type { BlobIndex } from '../store/blob-index.ts';
import type { ImageStore } from '../store/image-store.ts';
import type { RepositoryStore } from '../store/repository-store.ts';
import type { BlobStore } from './blob-store.ts';

export interface RegistryDeps {
  readonly repositories: RepositoryStore;
  readonly images: ImageStore;
  readonly index: BlobIndex;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  /** A new random UUID, with dashes. */
  readonly newUuid: () => string;
}
