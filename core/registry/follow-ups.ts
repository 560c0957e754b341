/** What follows a push: replication, scans, lifecycle policies. */
import type { RegistryScanningConfiguration } from '@aws-sdk/client-ecr';
import type { Scope } from '../scope.ts';
import type { ImageNotes } from '../store/note-store.ts';
import type { PushedImage, RegistryEvents } from './events.ts';
import type { MaintenanceDeps } from './maintenance.ts';
import { isIndexType } from './manifest.ts';
import { planReplication, replicate } from './replication.ts';
import { type Image, matchesWildcard, type Repository } from './repository.ts';
import { findScanner, type ImageScan, noScanner, scanImage } from './scan.ts';

export interface FollowUpDeps extends MaintenanceDeps {
  readonly scans: ImageNotes;
}

export interface FollowUps extends RegistryEvents {
  /** Begins something that nobody waits for. */
  begin(work: () => Promise<unknown>): void;
  /** Waits for what has begun. */
  close(): Promise<void>;
}

/** @param failed hears of what went wrong; what must be done is done again by the registry's maintenance */
export function createFollowUps(deps: FollowUpDeps, failed: (error: unknown) => void): FollowUps {
  const underWay = new Set<Promise<void>>();
  const begin = (work: () => Promise<unknown>) => {
    const running = work()
      .then(() => {}, failed)
      .finally(() => underWay.delete(running));
    underWay.add(running);
  };
  return {
    begin,
    async pushed(event: PushedImage) {
      const { scope, repository, image } = event;
      const { accountId, region } = scope;
      if (repository.lifecyclePolicy)
        await deps.lifecycleWork.add([{ accountId, region, name: repository.name }], deps.clock());
      for (const work of await planReplication(deps, event)) begin(async () => await replicate(deps, work));
      if (await scansOnPush(deps, scope, repository)) begin(async () => await scan(deps, repository.id, image));
    },
    async close() {
      await Promise.allSettled(underWay);
    },
  };
}

/** By the repository's own setting, or the registry's filters. */
export async function scansOnPush(
  { settings }: Pick<FollowUpDeps, 'settings'>,
  scope: Scope,
  { name, scanOnPush }: Pick<Repository, 'name' | 'scanOnPush'>,
): Promise<boolean> {
  if (scanOnPush) return true;
  const configuration = await settings.get<RegistryScanningConfiguration>(scope, 'scanning');
  return (configuration?.rules ?? []).some(
    ({ scanFrequency, repositoryFilters = [] }) =>
      scanFrequency !== 'MANUAL' && repositoryFilters.some(({ filter = '' }) => matchesWildcard(filter, name)),
  );
}

/** Notes how it went; never throws for what is wrong with the image or the scanner. */
export async function scan(
  { scans, blobs, clock }: Pick<FollowUpDeps, 'scans' | 'blobs' | 'clock'>,
  id: string,
  image: Image,
): Promise<void> {
  const startedAt = clock();
  const note = async (scan: ImageScan) => await scans.put(id, image.digest, scan);
  if (isIndexType(image.mediaType))
    return await note({ status: 'UNSUPPORTED_IMAGE', description: 'An index has nothing to scan.', startedAt });
  const scanner = await findScanner();
  if (!scanner) return await note({ status: 'FAILED', description: noScanner, startedAt });
  await note({ status: 'IN_PROGRESS', startedAt });
  try {
    const findings = await scanImage(scanner, blobs, image);
    await note({ status: 'COMPLETE', startedAt, completedAt: clock(), findings });
  } catch (error) {
    await note({ status: 'FAILED', description: (error as Error).message, startedAt, completedAt: clock() });
  }
}
