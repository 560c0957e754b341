/** Assembles the API: settings in, an endpoint out. No logic of its own. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { systemClock } from '../core/clock.ts';
import { readEfsFileSystems } from '../core/efs.ts';
import { createWaker, scheduleSweeps } from '../core/queue.ts';
import { connectRedis } from '../core/redis.ts';
import { loadOrCreateSecretsKey, secretsKeyPath } from '../core/secrets/key.ts';
import { createVault } from '../core/secrets/vault.ts';
import { createServiceQueue } from '../core/service-queue.ts';
import { createSessionIssuer } from '../core/session-credentials.ts';
import type { Settings } from '../core/settings.ts';
import { createStore } from '../core/store/index.ts';
import { sweep, sweepInterval } from '../core/sweep.ts';
import { createCredentialSource, loadOrCreateCredentials, withSessions } from './credentials.ts';
import { createExecSite } from './exec/exec-site.ts';
import { openLogs } from './logs/open.ts';
import { ownAddress } from './own-address.ts';
import { defaultRegistryHost, openRegistry } from './registry/open.ts';
import { createApiServer } from './server.ts';
import { startServiceScheduler } from './service-scheduler/scheduler.ts';
import { createServices } from './services.ts';

/** Reconnections that a request waits for: about three seconds, then it answers ServerException. */
const redisPatience = 10;

/** Milliseconds that a command may take, then the request answers ServerException. */
const redisTimeout = 10_000;

export interface ApiOptions {
  readonly settings: Settings;
  readonly redisUrl: string;
  readonly log: Logger;
}

export interface RunningApi {
  /** For example `http://127.0.0.1:4566`. */
  readonly endpoint: string;
  close(): Promise<void>;
}

/** @throws Error with code EADDRINUSE when the port is taken */
export async function startApi({ settings, redisUrl, log }: ApiOptions): Promise<RunningApi> {
  await loadOrCreateCredentials(settings.dataDir, settings.accountId);
  const secretsKey = await loadOrCreateSecretsKey(secretsKeyPath(settings));
  const redis = connectRedis(redisUrl, {
    patience: redisPatience,
    commandTimeout: redisTimeout,
    name: 'longshore-api',
    batch: true,
  });
  redis.on('error', (error) => log.warn({ err: error }, 'Redis is away'));
  // BullMQ's connections wait for Redis however long it takes.
  const queues = connectRedis(redisUrl, { patience: null, name: 'longshore-api-queues' });
  queues.on('error', () => {});
  const failed = (error: Error) => log.warn({ err: error }, 'a queue failed');
  const waker = createWaker(queues, settings.redisPrefix, failed);
  const store = createStore(redis, { prefix: settings.redisPrefix, wake: waker.wake });
  const serviceQueue = createServiceQueue(queues, settings.redisPrefix, failed);
  // Waits in Redis for what happens to tasks.
  const events = connectRedis(redisUrl, { patience: null, name: 'longshore-api-events' });
  events.on('error', () => {});
  const efs = () => readEfsFileSystems(settings.efs);
  const sessions = createSessionIssuer(async () => secretsKey, systemClock);
  const logs = await openLogs({
    redis,
    prefix: settings.redisPrefix,
    folder: join(settings.dataDir, 'logs-store'),
    limit: settings.logsLimit * 2 ** 20,
    sessions,
    clock: systemClock,
    newUuid: randomUUID,
    log,
  });
  const registry = await openRegistry({
    redis,
    settings,
    registryHost: () => settings.registryHost ?? defaultRegistryHost(settings),
    readKey: async () => secretsKey,
    clock: systemClock,
    newUuid: randomUUID,
    log,
  });
  const { services, secrets, execSessions, summon } = createServices({
    sessions,
    redis,
    prefix: settings.redisPrefix,
    store,
    vault: createVault(async () => secretsKey),
    clock: systemClock,
    newUuid: randomUUID,
    logs: logs.handlers,
    registry: registry.deps,
    efs,
    wakeService: serviceQueue.wake,
    lambdaEndpoint: settings.lambdaEndpoint,
    clusterRuntime: settings.clusterRuntime,
  });
  let port = settings.port;
  const execSite = createExecSite({
    sessions: execSessions,
    summon,
    address: () => settings.advertise ?? ownAddress(settings.host, port),
    clock: systemClock,
    log,
  });
  const server = createApiServer({
    services,
    sites: [execSite, registry.site],
    credentials: withSessions(createCredentialSource(settings.dataDir), sessions),
    settings,
    clock: systemClock,
    log,
  });
  const disconnect = async () => {
    await logs.close();
    redis.disconnect();
    queues.disconnect();
    events.disconnect();
  };
  try {
    const listening = await server.listen();
    port = listening.port;
    const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
    const endpoint = `http://${host}:${listening.port}`;
    await logs.announce(settings.advertise ?? ownAddress(settings.host, port));
    const sweeps = await scheduleSweeps(
      queues,
      { prefix: settings.redisPrefix, everySeconds: sweepInterval(settings) },
      async () => {
        await sweep(store, settings, systemClock());
        await secrets.purge(systemClock(), 200);
        await registry.maintain();
      },
      failed,
    );
    const scheduler = await startServiceScheduler(
      {
        store,
        queue: serviceQueue,
        clock: systemClock,
        newUuid: randomUUID,
        healthyAfter: settings.serviceHealthyAfter * 1000,
        ...(settings.lambdaEndpoint && { lambdaEndpoint: settings.lambdaEndpoint }),
        efs,
        clusterRuntime: settings.clusterRuntime,
        log,
      },
      { jobs: queues, events, prefix: settings.redisPrefix },
    );
    return {
      endpoint,
      async close() {
        execSite.close();
        await listening.close();
        await sweeps.close();
        await scheduler.close();
        await serviceQueue.close();
        await registry.close();
        await waker.close();
        await disconnect();
      },
    };
  } catch (error) {
    await disconnect();
    throw error;
  }
}
