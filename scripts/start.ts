/** `longshore start`: sets up what is missing, then keeps Redis, API and worker running until it is told to stop. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Settings } from '../core/settings.ts';
import { endRedis, startEmbeddedRedis } from './embedded-redis.ts';
import { ensureEngine } from './engine.ts';
import { envCommand, exportBlock } from './env.ts';
import { Failure, hasCode } from './failure.ts';
import {
  endLeftOver,
  endpointOf,
  findRedis,
  forgetProcess,
  installationId,
  lockDataDirectory,
  makeDataDirectory,
  noteProcess,
  readInstance,
  writeInstance,
} from './instance.ts';
import { keepRunning } from './keeper.ts';
import { openLogFile, trimLogFile } from './logs.ts';
import { portTaken } from './role.ts';
import { launchRole } from './role-process.ts';
import { installPackages, missingPackages } from './system-packages.ts';

export interface StartOptions {
  /** Stop the running tasks too when Longshore stops. */
  readonly stopTasks: boolean;
}

type Say = (line: string) => void;

/** Something that was started and must be ended. */
interface Part {
  readonly name: 'redis' | 'api' | 'worker';
  stop(stopTasks: boolean): Promise<void>;
  kill(): void;
}

/** Resolves after a clean stop. @throws Failure when something cannot be started; what had been started is stopped */
export async function start(settings: Settings, { stopTasks }: StartOptions, say: Say): Promise<void> {
  makeDataDirectory(settings.dataDir);
  const lock = lockDataDirectory(settings.dataDir);
  const parts: Part[] = [];
  const stopping = new AbortController();
  const told = onceToldToStop(stopping, parts, say);
  try {
    await prepareHost(settings, say);
    stopping.signal.throwIfAborted();
    const redisUrl = await startRedis(settings, parts, say);
    stopping.signal.throwIfAborted();
    await startRoles(settings, redisUrl, parts, say);
    stopping.signal.throwIfAborted();
    await announce(settings, say);
    await told;
  } catch (error) {
    if (error !== stopping.signal.reason) throw error;
  } finally {
    // The newest first: the API takes no more requests, the worker finishes its writes, then Redis ends. What tasks say
    // last goes to the API's logs: where they stop too, it waits for the worker.
    const withTasks = stopTasks && stopping.signal.aborted;
    const order = parts.reverse();
    const worker = withTasks ? order.filter(({ name }) => name === 'worker') : [];
    for (const part of [...worker, ...order.filter((one) => !worker.includes(one))]) await part.stop(withTasks);
    lock.release();
  }
  say('Longshore has stopped.');
}

async function prepareHost(settings: Settings, say: Say): Promise<void> {
  const { dataDir, runtime, dockerHost } = settings;
  for (const name of ['api', 'worker'] as const) await endLeftOver(dataDir, name);
  await checkPort(settings);
  writeInstance(settings);
  installationId(dataDir);
  await installPackages(missingPackages(settings), say);
  if (runtime !== 'docker') return;
  const engineLog = join(dataDir, 'logs', 'engine.log');
  await ensureEngine(dockerHost, engineLog, say);
  setInterval(() => trimLogFile(engineLog), 60_000).unref();
}

/** Tells a taken port at once, in words; the API would find out only after everything else was started. */
function checkPort({ host, port }: Settings): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (hasCode(error, 'EADDRINUSE')) reject(new Failure(portTaken(host, port)));
      else
        reject(new Failure(`The API cannot listen on ${host}:${port} (${error.message}): choose --host and --port.`));
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}

/** Returns its address, which stays the same when it is started again. */
async function startRedis(settings: Settings, parts: Part[], say: Say): Promise<string> {
  const { dataDir, redisUrl } = settings;
  if (redisUrl !== undefined) {
    const { checkSharedRedis } = await import('./shared-redis.ts');
    await checkSharedRedis(redisUrl, say);
    return redisUrl;
  }
  say('Starting Redis …');
  const leftOver = findRedis(dataDir);
  if (leftOver !== undefined) await endRedis(leftOver);
  const log = openLogFile(join(dataDir, 'logs', 'redis.log'));
  let url = '';
  const launch = async () => {
    const redis = await startEmbeddedRedis(join(dataDir, 'redis'), { onOutput: (chunk) => log.write(chunk) });
    url = redis.url;
    noteProcess(dataDir, 'redis', redis.process.pid ?? 0, { url });
    return { ended: redis.ended.then(withHint), stop: redis.stop, kill: () => redis.process.kill('SIGKILL') };
  };
  const kept = await keepRunning('Redis', launch, say);
  parts.push({
    name: 'redis',
    stop: async () => {
      await kept.stop();
      forgetProcess(dataDir, 'redis');
    },
    kill: kept.kill,
  });
  return url;
}

/** With every write on disk before its answer, Redis ends when it cannot write; it comes back once there is room. */
function withHint(end: string): string {
  return end.includes('AOF write error') ? `${end} Is the disk of the data directory full?` : end;
}

/** Both at once: each takes most of its start for loading its libraries. */
async function startRoles(settings: Settings, redisUrl: string, parts: Part[], say: Say): Promise<void> {
  say('Starting API and worker …');
  const started = await Promise.allSettled([
    startRole('worker', settings, redisUrl, say),
    startRole('api', settings, redisUrl, say),
  ]);
  parts.push(...started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
  for (const one of started) if (one.status === 'rejected') throw one.reason;
}

async function startRole(name: 'api' | 'worker', settings: Settings, redisUrl: string, say: Say): Promise<Part> {
  const { dataDir } = settings;
  const log = openLogFile(join(dataDir, 'logs', `${name}.log`));
  const onProcess = (pid: number) => noteProcess(dataDir, name, pid);
  const launch = () => launchRole({ name, settings, redisUrl, log, say, onProcess });
  const kept = await keepRunning(name === 'api' ? 'API' : 'Worker', launch, say);
  return {
    name,
    stop: async (stopTasks) => {
      await kept.stop({ stopTasks });
      forgetProcess(dataDir, name);
    },
    kill: kept.kill,
  };
}

async function announce(settings: Settings, say: Say): Promise<void> {
  const instance = readInstance(settings.dataDir);
  if (instance === undefined) throw new Failure(`Files in ${settings.dataDir}/run were removed during the start.`);
  const seconds = (performance.now() / 1000).toFixed(1);
  say(`Longshore is ready (${seconds} s): ${endpointOf(settings)} in region ${settings.region}. Ctrl-C stops it.`);
  say(`Paste this into a shell, or run \`${envCommand(settings.dataDir)}\`:\n`);
  say(await exportBlock(settings.dataDir, instance));
}

/** Resolves at the first Ctrl-C, SIGTERM or closed terminal. A second one ends everything at once. */
function onceToldToStop(stopping: AbortController, parts: readonly Part[], say: Say): Promise<void> {
  return new Promise((resolve) => {
    const onSignal = () => {
      if (stopping.signal.aborted) {
        // API and worker that are still being started end with the channel to this process.
        for (const part of parts) part.kill();
        process.exit(130);
      }
      stopping.abort();
      say('Stopping … (again to force)');
      resolve();
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  });
}
