/** Everything that an API test needs, in this process: an own Redis, the store on it, the real server, signed clients. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ECSClient, type ECSClientConfig } from '@aws-sdk/client-ecs';
import pino from 'pino';
import {
  addCredentials,
  type Credential,
  createCredentialSource,
  loadOrCreateCredentials,
  withSessions,
} from '../../api/credentials.ts';
import { createExecSite } from '../../api/exec/exec-site.ts';
import { type Logs, openLogs } from '../../api/logs/open.ts';
import { type OpenRegistry, openRegistry } from '../../api/registry/open.ts';
import { createApiServer } from '../../api/server.ts';
import { createServices } from '../../api/services.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import { connectRedis } from '../../core/redis.ts';
import { loadOrCreateSecretsKey } from '../../core/secrets/key.ts';
import { createVault } from '../../core/secrets/vault.ts';
import { createSessionIssuer, type SessionIssuer } from '../../core/session-credentials.ts';
import type { ExecSessionStore } from '../../core/store/exec-session-store.ts';
import { createStore, type StoreOptions } from '../../core/store/index.ts';
import type { SecretStore } from '../../core/store/secret-store.ts';
import type { Store } from '../../core/store/store.ts';
import { startEmbeddedRedis } from '../../scripts/embedded-redis.ts';

export interface ClientOptions extends Omit<ECSClientConfig, 'credentials' | 'endpoint' | 'region'> {
  /** Twelve digits; each account has a key pair of its own. Default: 000000000000. */
  readonly accountId?: string;
  /** Default: us-east-1. */
  readonly region?: string;
  /** A principal of the account other than its root, for example `user/alice`. */
  readonly principal?: string;
}

export interface ApiStack {
  readonly endpoint: string;
  readonly store: Store;
  /** Prefix of every key in the stack's Redis. */
  readonly prefix: string;
  readonly redisUrl: string;
  /** Data directory of the API and of Redis. */
  readonly directory: string;
  readonly secrets: SecretStore;
  readonly registry: OpenRegistry;
  readonly execSessions: ExecSessionStore;
  readonly logs: Logs;
  /** Issues temporary credentials that the API accepts. */
  readonly sessions: SessionIssuer;
  /** An account's key pair. Default: 000000000000's. */
  key(accountId?: string): Promise<Credential>;
  /** Closed together with the stack. */
  client(options?: ClientOptions): Promise<ECSClient>;
  close(): Promise<void>;
}

export interface ApiStackOptions {
  /** Time as handlers see it; signatures go by the system's. */
  readonly clock?: Clock;
  readonly wake?: StoreOptions['wake'];
  readonly newUuid?: () => string;
  /** Called when a service needs a look. Default: nobody looks. */
  readonly wakeService?: (service: string) => void;
  readonly lambdaEndpoint?: string;
  readonly clusterRuntime?: string;
  /** Bytes of logs that are kept. */
  readonly logsLimit?: number;
}

export async function createApiStack(options: ApiStackOptions = {}): Promise<ApiStack> {
  /** What has been started, newest first: also undone when what follows cannot be started. */
  const started: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const stop of started.splice(0)) await stop();
  };
  try {
    return { ...(await start(options, (stop) => started.unshift(stop))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  { clock = systemClock, wake, newUuid = randomUUID, logsLimit = 2 ** 30, ...others }: ApiStackOptions,
  onClose: (stop: () => Promise<unknown>) => void,
): Promise<Omit<ApiStack, 'close'>> {
  const prefix = '{longshore}';
  const log = pino({ level: process.env.LONGSHORE_TEST_LOG ?? 'error' });
  const directory = await mkdtemp(join(tmpdir(), 'longshore-test-'));
  onClose(() => rm(directory, { recursive: true, force: true }));
  const redis = await startEmbeddedRedis(directory);
  onClose(() => redis.stop());
  const connection = connectRedis(redis.url, { patience: 3, name: 'test' });
  onClose(() => connection.quit());
  const store = createStore(connection, { prefix, ...(wake && { wake }) });
  await loadOrCreateCredentials(directory, '000000000000');
  const secretsKey = await loadOrCreateSecretsKey(join(directory, 'secrets.key'));
  const sessions = createSessionIssuer(async () => secretsKey, systemClock);
  let port = 0;
  const registry = await openRegistry({
    redis: connection,
    settings: {
      dataDir: directory,
      redisPrefix: prefix,
      accountId: '000000000000',
      region: 'us-east-1',
      registryGrace: 3600,
    },
    registryHost: () => `127.0.0.1:${port}`,
    readKey: async () => secretsKey,
    clock,
    newUuid,
    log,
  });
  onClose(registry.close);
  const logs = await openLogs({
    redis: connection,
    prefix,
    folder: join(directory, 'logs-store'),
    limit: logsLimit,
    sessions,
    clock,
    newUuid,
    log,
  });
  onClose(() => logs.close());
  const { services, secrets, execSessions, summon } = createServices({
    redis: connection,
    prefix,
    registry: registry.deps,
    store,
    sessions,
    vault: createVault(async () => secretsKey),
    clock,
    newUuid,
    logs: logs.handlers,
    ...others,
  });
  const execSite = createExecSite({
    sessions: execSessions,
    summon,
    address: () => `http://127.0.0.1:${port}`,
    clock: systemClock,
    log,
  });
  const server = createApiServer({
    services,
    sites: [execSite, registry.site],
    credentials: withSessions(createCredentialSource(directory, { patience: 0 }), sessions),
    settings: { host: '127.0.0.1', port: 0, clockSkew: 300 },
    clock: systemClock,
    log,
  });
  const listening = await server.listen();
  port = listening.port;
  onClose(async () => {
    execSite.close();
    await listening.close();
  });
  const endpoint = `http://127.0.0.1:${listening.port}`;
  await logs.announce(endpoint);

  return {
    endpoint,
    store,
    prefix,
    redisUrl: redis.url,
    directory,
    secrets,
    registry,
    execSessions,
    logs,
    sessions,
    key: async (accountId = '000000000000') => await loadOrCreateCredentials(directory, accountId),
    async client({ accountId = '000000000000', region = 'us-east-1', principal, ...rest } = {}) {
      const key =
        principal === undefined
          ? await loadOrCreateCredentials(directory, accountId)
          : await principalKey(directory, accountId, principal);
      const client = new ECSClient({ ...rest, endpoint, region, credentials: key });
      onClose(async () => client.destroy());
      return client;
    },
  };
}

/** A key pair that belongs to a user or role; the key file's own operations make only root's. */
async function principalKey(directory: string, accountId: string, principal: string): Promise<Credential> {
  // First, so that the account's root keeps a key that is found before this one.
  await loadOrCreateCredentials(directory, accountId);
  const created = await addCredentials(directory, accountId);
  const key = { ...created, arn: `arn:aws:iam::${accountId}:${principal}` };
  const path = join(directory, 'credentials.json');
  const { credentials }: { readonly credentials: readonly Credential[] } = JSON.parse(await readFile(path, 'utf8'));
  const others = credentials.filter(({ accessKeyId }) => accessKeyId !== key.accessKeyId);
  await writeFile(path, JSON.stringify({ credentials: [...others, key] }), { mode: 0o600 });
  return key;
}
