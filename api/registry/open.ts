/** Puts the registry together: its stores, its folder, its tokens. */
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import { openFolderBlobs } from '../../core/registry/folder-blobs.ts';
import { createFollowUps } from '../../core/registry/follow-ups.ts';
import { maintainRegistry } from '../../core/registry/maintenance.ts';
import { createFillCache } from '../../core/registry/pull-through.ts';
import type { Replication } from '../../core/registry/replication.ts';
import { ensureRepository } from '../../core/registry/template.ts';
import { createTokenIssuer } from '../../core/registry/tokens.ts';
import type { Scope } from '../../core/scope.ts';
import { createVault } from '../../core/secrets/vault.ts';
import type { Settings } from '../../core/settings.ts';
import { createBlobIndex } from '../../core/store/blob-index.ts';
import { createImageStore } from '../../core/store/image-store.ts';
import { createImageNotes, createPreviews } from '../../core/store/note-store.ts';
import { createRegistrySettingsStore } from '../../core/store/registry-settings-store.ts';
import { createRepositoryStore } from '../../core/store/repository-store.ts';
import { createSecretStore } from '../../core/store/secret-store.ts';
import { createWorkList } from '../../core/store/work-list.ts';
import { blobMounting, registryPolicy } from '../ecr/account-setting.ts';
import type { EcrDeps } from '../ecr/deps.ts';
import { pullTimeExclusions } from '../ecr/pull-time.ts';
import type { Site } from '../server.ts';
import type { SiteDeps } from './exchange.ts';
import { registrySite } from './site.ts';
import { createUpstreamCredentials } from './upstream-credentials.ts';

/** Milliseconds that an upload may rest. */
const uploadPatience = 24 * 3600 * 1000;

export interface RegistryNeeds {
  readonly redis: Redis;
  readonly settings: Pick<Settings, 'dataDir' | 'redisPrefix' | 'accountId' | 'region' | 'registryGrace'>;
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
  /** One round of what the registry does by itself. */
  maintain(): Promise<void>;
  /** Waits for what follows pushes. */
  close(): Promise<void>;
}

export async function openRegistry(needs: RegistryNeeds): Promise<OpenRegistry> {
  const { redis, clock, newUuid, log, registryHost } = needs;
  const { dataDir, redisPrefix: prefix, accountId, region, registryGrace } = needs.settings;
  const settings = createRegistrySettingsStore(redis, prefix);
  const vault = createVault(needs.readKey);
  const stored = {
    repositories: createRepositoryStore(redis, prefix),
    images: createImageStore(redis, prefix),
    index: createBlobIndex(redis, prefix),
    blobs: await openFolderBlobs(join(dataDir, 'registry')),
    settings,
    previews: createPreviews(redis, prefix),
    scans: createImageNotes(redis, prefix, 'scans'),
    replications: createImageNotes(redis, prefix, 'replications'),
    replicationWork: createWorkList<Replication>(redis, prefix, 'replication'),
    lifecycleWork: createWorkList<Scope & { readonly name: string }>(redis, prefix, 'lifecycle'),
    upstreamCredentials: createUpstreamCredentials(createSecretStore(redis, { prefix, vault }), clock),
    clock,
    newUuid,
  };
  const followUps = createFollowUps(stored, (error) => log.warn({ err: error }, 'what follows a push failed'));
  const deps = {
    ...stored,
    tokens: createTokenIssuer(needs.readKey, clock),
    events: followUps,
    background: followUps.begin,
    fillCache: createFillCache(stored),
    createOnPush: async (registry: Scope, name: string) =>
      await ensureRepository(stored, registry, name, 'CREATE_ON_PUSH'),
    ignoresPulls: pullTimeExclusions(settings),
    registryPolicy: registryPolicy(settings),
    mountsBlobs: blobMounting(settings),
    home: { accountId, region },
    registryHost,
    log,
  };
  const patience = { upload: uploadPatience, blob: registryGrace * 1000 };
  return {
    site: registrySite(deps),
    deps,
    maintain: async () => await maintainRegistry(stored, patience),
    close: followUps.close,
  };
}

/** Where clients of this host find the registry. Engines speak plain HTTP to addresses of the loopback only. */
export function defaultRegistryHost({ host, port }: Pick<Settings, 'host' | 'port'>): string {
  const isHere = ['0.0.0.0', '::', '', 'localhost'].includes(host);
  const address = isHere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `${address}:${port}`;
}
