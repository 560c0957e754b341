/** An instance of Longshore to measure: Redis, API and worker as `npm start` runs them, in a place of their own. */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ECSClient } from '@aws-sdk/client-ecs';
import type { Redis } from 'ioredis';
import { loadOrCreateCredentials } from '../../api/credentials.ts';
import { connectRedis } from '../../core/redis.ts';
import { readSettings, type Settings, settingsToEnv } from '../../core/settings.ts';
import { clean } from '../clean.ts';
import { startEmbeddedRedis } from '../embedded-redis.ts';
import { endpointOf, installationId, makeDataDirectory } from '../instance.ts';
import { type LogFile, openLogFile } from '../logs.ts';
import { launchRole } from '../role-process.ts';
import type { BenchContext } from './scenario.ts';
import type { Signer } from './signed-request.ts';

export interface InstanceOptions {
  readonly settings: Partial<Settings>;
  /** A worker process, a process with so many simulated ones, or none. */
  readonly worker: 'process' | 'none' | { readonly simulated: number };
}

export interface Instance {
  readonly settings: Settings;
  readonly endpoint: string;
  readonly installation: string;
  readonly signer: Signer;
  readonly client: ECSClient;
  /** Pids. */
  readonly processes: { readonly redis: number; readonly api: number; readonly worker?: number };
  /** One more connection to the instance's Redis, closed with it. */
  connect(): Redis;
  /** Stops everything and removes what it made. */
  close(): Promise<void>;
}

type Stop = () => Promise<unknown>;

export async function startInstance(context: BenchContext, options: InstanceOptions): Promise<Instance> {
  const stops: Stop[] = [];
  const close = context.cleanup.add(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });
  try {
    return { ...(await start(context, options, stops)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  { say }: BenchContext,
  { settings: wanted, worker }: InstanceOptions,
  stops: Stop[],
): Promise<Omit<Instance, 'close'>> {
  const settings = await settingsOf(wanted);
  const { dataDir } = settings;
  stops.push(async () => rmSync(dataDir, { recursive: true, force: true }));
  makeDataDirectory(dataDir);
  if (settings.runtime !== 'fake') stops.push(async () => await clean(settings, { allData: false }, () => {}));
  const redis = await startEmbeddedRedis(join(dataDir, 'redis'));
  stops.push(redis.stop);

  const role = async (name: 'api' | 'worker') => {
    let pid = 0;
    const log = openLogFile(join(dataDir, 'logs', `${name}.log`));
    stops.push(async () => log.close());
    const onProcess = (started: number) => {
      pid = started;
    };
    const running = await launchRole({ name, settings, redisUrl: redis.url, log, say, onProcess });
    stops.push(async () => await running.stop({ stopTasks: settings.runtime !== 'fake' }));
    return pid;
  };
  const api = await role('api');
  const log = openLogFile(join(dataDir, 'logs', 'simulated.log'));
  stops.push(async () => log.close());
  const workerPid =
    worker === 'process'
      ? await role('worker')
      : worker === 'none'
        ? undefined
        : await simulateWorkers(settings, redis.url, worker.simulated, log, stops);

  const endpoint = endpointOf(settings);
  const credentials = await loadOrCreateCredentials(dataDir, settings.accountId);
  const client = new ECSClient({ endpoint, region: settings.region, credentials });
  stops.push(async () => client.destroy());
  return {
    settings,
    endpoint,
    installation: installationId(dataDir),
    signer: { endpoint, region: settings.region, ...credentials },
    client,
    processes: { redis: redis.process.pid ?? 0, api, ...(workerPid === undefined ? {} : { worker: workerPid }) },
    connect() {
      const connection = connectRedis(redis.url, { patience: null, name: 'longshore-bench' });
      // Whoever uses it learns of it from the command that fails.
      connection.on('error', () => {});
      stops.push(async () => connection.disconnect());
      return connection;
    },
  };
}

/** Defaults, whatever the environment says, so that results can be compared; only the engine is the user's. */
async function settingsOf(wanted: Partial<Settings>): Promise<Settings> {
  const dataDir = mkdtempSync(join(tmpdir(), 'longshore-bench-'));
  const { DOCKER_HOST } = process.env;
  return {
    ...readSettings({ DOCKER_HOST, LONGSHORE_DATA_DIR: dataDir, LONGSHORE_LOG_LEVEL: 'warn' }),
    port: await freePort(),
    workerName: 'bench',
    ...wanted,
  };
}

export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** Many workers in one process: what is measured is the control plane, not so many processes. */
async function simulateWorkers(
  settings: Settings,
  redisUrl: string,
  count: number,
  log: LogFile,
  stops: Stop[],
): Promise<number> {
  const script = fileURLToPath(new URL(`./simulated-workers${extname(import.meta.url)}`, import.meta.url));
  const child = fork(script, [String(count)], {
    env: { ...process.env, ...settingsToEnv({ ...settings, redisUrl }) },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  child.stdout?.on('data', log.write);
  child.stderr?.on('data', log.write);
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk).slice(-500);
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  stops.push(async () => {
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(timer);
  });
  const ready = new Promise<boolean>((resolve) => child.once('message', () => resolve(true)));
  if (!(await Promise.race([ready, ended.then(() => false)])))
    throw new Error(`The simulated workers did not start: ${words}`);
  return child.pid ?? 0;
}
