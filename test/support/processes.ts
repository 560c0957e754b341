/** An instance whose Redis, API and workers are processes of their own, so that tests can kill each at any moment. */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ECSClient, type ECSClientConfig } from '@aws-sdk/client-ecs';
import type { Redis } from 'ioredis';
import { vi } from 'vitest';
import { type Credential, loadOrCreateCredentials } from '../../api/credentials.ts';
import { connectRedis } from '../../core/redis.ts';
import { createStore } from '../../core/store/index.ts';
import type { Store } from '../../core/store/store.ts';
import { createDockerDriver } from '../../runtime/docker/driver.ts';
import { createFakeDriver } from '../../runtime/fake/driver.ts';
import { createMicrovmDriver } from '../../runtime/microvm/driver.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../scripts/embedded-redis.ts';
import { installationId } from '../../scripts/instance.ts';
import { machineCache } from '../runtime/machines.ts';
import { compiled } from './compiled.ts';

// Each start of a process costs seconds on a busy machine; what never comes is told long before by `eventually`.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

export interface RoleProcess {
  readonly pid: number;
  /** Resolves with the exit code, or with the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Everything that it printed so far. */
  output(): string;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Asks it to close, as a supervisor does; resolves when it has ended. */
  stop(options?: { readonly stopTasks?: boolean }): Promise<number | string>;
}

export interface RedisProcess {
  readonly url: string;
  readonly pid: number;
  readonly ended: Promise<string>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export interface Instance {
  readonly dataDir: string;
  /** The owner's mark on everything that is made on the host. */
  readonly installation: string;
  readonly workerName: string;
  readonly endpoint: string;
  /** Of the account that `client` uses. */
  readonly credential: Credential;
  readonly runtime: 'docker' | 'microvm' | 'fake';
  readonly dockerHost: string | undefined;
  /** This process's own view of the state; wakes no worker. */
  readonly store: Store;
  readonly redis: Redis;
  readonly prefix: string;
  /** A signed client; it tries a call `maxAttempts` times, default once. */
  client(options?: ClientOptions): ECSClient;
  /** The one that runs, or ran last. */
  redisProcess(): RedisProcess;
  /** On the data of the one before. */
  startRedis(): Promise<RedisProcess>;
  /** Resolves when it is ready. `settings` are environment variables on top of the instance's. */
  startApi(settings?: Settings): Promise<RoleProcess>;
  startWorker(settings?: Settings): Promise<RoleProcess>;
  /**
   * What the runtime has of this installation, as a worker's start would find it.
   * `at` is the data directory of a worker that has one of its own.
   */
  leftInRuntime(at?: string): Promise<readonly string[]>;
  /** Ends everything and removes it from the host. */
  close(): Promise<void>;
}

export interface ClientOptions extends ECSClientConfig {
  /** Port of another API than the usual one. */
  readonly endpointPort?: number;
}

type Settings = Readonly<Record<string, string>>;

export interface InstanceOptions {
  readonly runtime: 'docker' | 'microvm' | 'fake';
  readonly settings?: Settings;
  readonly dockerHost?: string;
  /** Default: a new temporary directory. */
  readonly dataDir?: string;
}

const accountId = '000000000000';
const region = 'us-east-1';

/** Starts Redis; API and workers are the test's to start. */
export async function createInstance(options: InstanceOptions): Promise<Instance> {
  const { runtime, dockerHost = process.env.DOCKER_HOST } = options;
  const cli = fileURLToPath(await compiled('scripts/cli.js'));
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'longshore-'));
  const installation = installationId(dataDir);
  const workerName = `test-${randomBytes(4).toString('hex')}`;
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const prefix = '{longshore}';
  const key = await loadOrCreateCredentials(dataDir, accountId);
  const children = new Set<RoleProcess>();
  const clients: ECSClient[] = [];

  let embedded: EmbeddedRedis = await startEmbeddedRedis(join(dataDir, 'redis'));
  const redis = connectRedis(embedded.url, { patience: 100, name: 'test' });
  redis.on('error', () => {});

  const environment: Settings = {
    ...withoutOurs(process.env),
    LONGSHORE_DATA_DIR: dataDir,
    LONGSHORE_PORT: String(port),
    LONGSHORE_ACCOUNT_ID: accountId,
    LONGSHORE_REGION: region,
    LONGSHORE_RUNTIME: runtime,
    LONGSHORE_MICROVM_CACHE: machineCache,
    LONGSHORE_WORKER_NAME: workerName,
    LONGSHORE_WARM_POOL: '0',
    REDIS_URL: embedded.url,
    ...(dockerHost === undefined ? {} : { DOCKER_HOST: dockerHost }),
    ...options.settings,
  };

  const start = async (role: 'api' | 'worker', settings: Settings = {}) => {
    const child = await startRole(cli, role, { ...environment, ...settings });
    children.add(child);
    child.ended.then(() => children.delete(child));
    return child;
  };

  return {
    dataDir,
    installation,
    workerName,
    endpoint,
    credential: key,
    runtime,
    dockerHost,
    store: createStore(redis, { prefix }),
    redis,
    prefix,
    client({ endpointPort = port, ...config } = {}) {
      const at = `http://127.0.0.1:${endpointPort}`;
      const client = new ECSClient({ maxAttempts: 1, ...config, endpoint: at, region, credentials: key });
      clients.push(client);
      return client;
    },
    redisProcess: () => redisProcess(embedded),
    async startRedis() {
      embedded = await startEmbeddedRedis(join(dataDir, 'redis'));
      return redisProcess(embedded);
    },
    startApi: async (settings) => await start('api', settings),
    startWorker: async (settings) => await start('worker', settings),
    leftInRuntime: async (at = dataDir) => await runtimeOf(runtime, { dataDir: at, installation, dockerHost }),
    async close() {
      for (const client of clients) client.destroy();
      for (const child of children) {
        // One that is frozen would not even notice that it was killed before it goes on.
        child.signal('SIGCONT');
        await child.kill();
      }
      redis.disconnect();
      await embedded.stop();
      if (runtime === 'docker') await cleanDocker(installation, dockerHost);
      if (runtime === 'microvm') await cleanMachines(installation, join(dataDir, 'runtime'));
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** @throws Error with the process's own words when it ends before it is ready */
async function startRole(cli: string, role: 'api' | 'worker', environment: Settings): Promise<RoleProcess> {
  const child = fork(cli, [role], { env: environment, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      printed += chunk;
      if (process.env.LONGSHORE_TEST_LOG)
        appendFileSync(process.env.LONGSHORE_TEST_LOG, `${role} ${child.pid} ${chunk}`);
    });
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code ?? -1));
  });
  const running = roleProcess(child, ended, () => printed);
  const told = new Promise<Told>((resolve) => child.once('message', (message) => resolve(message as Told)));
  const first = await Promise.race([told, ended]);
  if (typeof first === 'object' && first.type === 'ready') return running;
  const words = typeof first === 'object' ? first.message : `ended with ${first}: ${printed.slice(-2000)}`;
  await ended;
  throw new Error(`The ${role} process did not start: ${words}`);
}

interface Told {
  readonly type: 'ready' | 'failed';
  readonly message?: string;
}

function roleProcess(child: ChildProcess, ended: Promise<number | string>, output: () => string): RoleProcess {
  return {
    pid: child.pid ?? 0,
    ended,
    output,
    signal: (signal) => void child.kill(signal),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop({ stopTasks = false } = {}) {
      child.send({ type: 'stop', stopTasks });
      return await ended;
    },
  };
}

function redisProcess({ url, process: child, ended }: EmbeddedRedis): RedisProcess {
  return {
    url,
    pid: child.pid ?? 0,
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** The surroundings without anything that would choose another Redis, engine or data directory. */
function withoutOurs(env: NodeJS.ProcessEnv): Settings {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || (name.startsWith('LONGSHORE_') && name !== 'LONGSHORE_TEST_RUN') || name === 'REDIS_URL'
        ? []
        : [[name, value]],
    ),
  );
}

async function runtimeOf(
  runtime: Instance['runtime'],
  place: { readonly dataDir: string; readonly installation: string; readonly dockerHost: string | undefined },
): Promise<readonly string[]> {
  const networkRange = { subnet: '10.255.255.0/24', gateway: '10.255.255.1' };
  const stateDir = join(place.dataDir, 'runtime');
  if (runtime === 'fake') {
    const driver = createFakeDriver({ networkRange, stateFile: join(stateDir, 'fake.jsonl') });
    await driver.open();
    const found = await driver.recover();
    await driver.close();
    return found.map(({ id }) => id);
  }
  const driver =
    runtime === 'docker'
      ? dockerDriver(place.installation, place.dockerHost, stateDir)
      : machineDriver(place.installation, stateDir);
  const found = await driver.recover();
  await driver.close();
  return found.map(({ id }) => id);
}

async function cleanDocker(installation: string, dockerHost: string | undefined): Promise<void> {
  const driver = dockerDriver(installation, dockerHost);
  await driver.clean();
  await driver.close();
}

async function cleanMachines(installation: string, stateDir: string): Promise<void> {
  const driver = machineDriver(installation, stateDir);
  await driver.clean();
  await driver.close();
}

function machineDriver(owner: string, stateDir: string) {
  const networkRange = { subnet: '10.255.255.0/24', gateway: '10.255.255.1' };
  return createMicrovmDriver({ owner, networkRange, warmPool: 0, stateDir, cacheDir: machineCache });
}

function dockerDriver(owner: string, dockerHost: string | undefined, stateDir?: string) {
  return createDockerDriver({
    owner,
    networkRange: { subnet: '10.255.255.0/24', gateway: '10.255.255.1' },
    warmPool: 0,
    ...(dockerHost === undefined ? {} : { dockerHost }),
    ...(stateDir === undefined ? {} : { stateDir }),
  });
}

/** Starts of simulated containers, by task id and name, one entry each: what the user's programs would have counted. */
export function simulatedStarts({ dataDir }: Pick<Instance, 'dataDir'>): readonly string[] {
  const names = new Map<string, string>();
  const starts: string[] = [];
  for (const line of readFileSync(join(dataDir, 'runtime', 'fake.jsonl'), 'utf8')
    .split('\n')
    .slice(0, -1)) {
    const entry = JSON.parse(line);
    if (entry.type === 'container') names.set(entry.handle.id, `${entry.handle.sandboxId}/${entry.handle.name}`);
    if (entry.type === 'started') starts.push(names.get(entry.id) ?? entry.id);
  }
  return starts;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('There is no free port.');
  return address.port;
}
