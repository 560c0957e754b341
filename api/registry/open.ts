/** Puts the registry together: its stores, its folder, its tokens. */
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import { nobodyListens } from '../../core/registry/events.ts';
import { openFolderBlobs } from '../../core/registry/folder-blobs.ts';
import { createTokenIssuer } from '../../core/registry/tokens.ts';
import type { Settings } from '../../core/settings.ts';
import { createBlobIndex } from '../../core/store/blob-index.ts';
import { createImageStore } from '../../core/store/image-store.ts';
import { createRegistrySettingsStore } from '../../core/store/registry-settings-store.ts';
import { createRepositoryStore } from '../../core/store/repository-store.ts';
import { blobMounting } from '../ecr/account-setting.ts';
import type { EcrDeps } from '../ecr/deps.ts';
import type { Site } from '../server.ts';
import type { SiteDeps } from './exchange.ts';
import { registrySite } from './site.ts';

export interface RegistryNeeds {
  readonly redis: Redis;
  readonly settings: Pick<Settings, 'dataDir' | 'redisPrefix' | 'accountId' | 'region'>;
  /** What the names of images begin with, for example `127.0.0.1:4566`. */
  readonly registryHost: () => string;
  readonly readKey: () => Promise<Buffer>;
  readonly clock: Clock;
  readonly newUuid: () => string;
  readonly log: Logger;
}

export interface OpenRegistry {
  readonly site: Site;
  readonly deps: EcrDeps & SiteDeps;
}

export async function openRegistry(needs: RegistryNeeds): Promise<OpenRegistry> {
  const { redis, clock, newUuid, log, registryHost } = needs;
  const { dataDir, redisPrefix: prefix, accountId, region } = needs.settings;
  const settings = createRegistrySettingsStore(redis, prefix);
  const deps = {
    repositories: createRepositoryStore(redis, prefix),
    images: createImageStore(redis, prefix),
    index: createBlobIndex(redis, prefix),
    blobs: await openFolderBlobs(join(dataDir, 'registry')),
    settings,
    tokens: createTokenIssuer(needs.readKey, clock),
    events: nobodyListens,
    home: { accountId, region },
    registryHost,
    mountsBlobs: blobMounting(settings),
    clock,
    newUuid,
    log,
  };
  return { site: registrySite(deps), deps };
}

/** Where clients of this host find the registry. Engines speak plain HTTP to addresses of the loopback only. */
export function defaultRegistryHost({ host, port }: Pick<Settings, 'host' | 'port'>): string {
  const isHere = ['0.0.0.0', '::', '', 'localhost'].includes(host);
  const address = isHere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `${address}:${port}`;
}
