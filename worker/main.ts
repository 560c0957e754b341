/** Assembles a worker: settings in, running tasks out. No logic of its own. */
import { randomUUID } from 'node:crypto';
import { arch } from 'node:os';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { systemAfter, systemClock } from '../core/clock.ts';
import { readEfsFileSystems } from '../core/efs.ts';
import type { FencedError } from '../core/errors.ts';
import { answerSummons } from '../core/exec/summons.ts';
import { ownProcess } from '../core/process-identity.ts';
import { consumeTaskJobs, dropTaskJobs } from '../core/queue.ts';
import { connectRedis } from '../core/redis.ts';
import { createTokenIssuer } from '../core/registry/tokens.ts';
import { readSecretsKey, secretsKeyPath } from '../core/secrets/key.ts';
import type { Settings } from '../core/settings.ts';
import { createExecSessionStore } from '../core/store/exec-session-store.ts';
import { createStore } from '../core/store/index.ts';
import { createRepositoryStore } from '../core/store/repository-store.ts';
import { createUsageStore } from '../core/store/usage-store.ts';
import { parseTaskKey, taskKey } from '../core/task.ts';
import { startRegistryForwarder } from './api-forwarder.ts';
import { createDefinitionCache } from './definition-cache.ts';
import { offeredDisk } from './disk.ts';
import { createExecSessions } from './exec/exec-sessions.ts';
import { claimHost } from './host-claim.ts';
import { countSandboxes, openDriver } from './open-driver.ts';
import { openOutput } from './open-output.ts';
import { keepCursors } from './output/cursor.ts';
import { createResolveOwnImage } from './own-images.ts';
import { registerWorker } from './registration.ts';
import { createFetchResources, resourceSources } from './resources.ts';
import { createTaskDirectory } from './task-directory.ts';
import { createTaskRunners } from './task-runners.ts';
import { openTaskServices } from './task-services.ts';
import { createReadings, sampleUsage } from './usage.ts';

/** Jobs handled at once; container starts have a limit of their own (settings.launchConcurrency). */
const jobConcurrency = 500;

export interface WorkerOptions {
  readonly settings: Settings;
  readonly redisUrl: string;
  /** Installation id of the data directory. */
  readonly installation: string;
  /** Where the API answers, for tasks' calls; absent: tasks cannot reach it. */
  readonly endpoint?: string;
  readonly log: Logger;
  /** Called when another process took the worker's name: this one must end. Default: an uncaught exception. */
  readonly fenced?: (error: FencedError) => void;
}

export interface RunningWorker {
  /** Leaves tasks running unless `stopTasks`. */
  close(options?: { readonly stopTasks?: boolean }): Promise<void>;
}

/** @throws WorkerNameTakenError, DriverError, or Error with one sentence that says what is missing */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { settings, log } = options;
  const name = `longshore-worker-${settings.workerName}`;
  const redis = connectRedis(options.redisUrl, { patience: null, name, batch: true });
  redis.on('error', (error) => log.warn({ err: error }, 'Redis is away'));
  const jobs = connectRedis(options.redisUrl, { patience: null, name: `${name}-jobs` });
  jobs.on('error', () => {}); // told by the other connection
  const store = createStore(redis, { prefix: settings.redisPrefix });
  // A connection of its own: the lease must not wait behind what thousands of launches have to say.
  const heart = connectRedis(options.redisUrl, { patience: null, name: `${name}-heartbeat` });
  heart.on('error', () => {}); // told by the other connection
  const closing = new AbortController();
  const fenced = (error: FencedError) => {
    // The tasks are another's now: nothing that is under way here may go on.
    closing.abort();
    (options.fenced ?? endProcess)(error);
  };
  const instance = randomUUID();
  const undo: (() => Promise<void>)[] = [redis, jobs, heart].map((one) => async () => one.disconnect());

  const disk = offeredDisk(settings);

  try {
    // The name comes first: two processes of one name must not both touch the runtime.
    const registration = await registerWorker(
      createStore(heart, { prefix: settings.redisPrefix }),
      {
        name: settings.workerName,
        instance,
        process: ownProcess(),
        runtime: settings.runtime,
        cpuArchitecture: arch() === 'arm64' ? 'ARM64' : 'X86_64',
        cpu: Math.floor(settings.workerCpu * settings.cpuOvercommit),
        memory: Math.floor(settings.workerMemory * settings.memoryOvercommit),
        ...(disk === undefined ? {} : { disk }),
        // Nothing is placed here before the worker is ready.
        slots: 0,
      },
      log,
      fenced,
    );
    undo.push(registration.close);
    const claim = { worker: settings.workerName, store: await store.identity() };
    await claimHost(settings.dataDir, claim, async () => await countSandboxes(settings, options.installation, log));
    const { driver, range } = await openDriver(store, settings, options.installation, log);
    undo.push(async () => await driver.close());
    const { maxOpenFiles, isolation } = await driver.capabilities();
    const directory = createTaskDirectory();
    const readings = createReadings();
    const services = await openTaskServices({
      driver,
      range,
      directory,
      settings,
      endpoint: options.endpoint,
      readings,
      clock: systemClock,
      log,
    });
    undo.push(services.close);

    const output = openOutput(driver, settings, options.endpoint, log);
    undo.push(output.close);

    const ownImage = options.endpoint && settings.runtime !== 'fake' ? await ownImages(options.endpoint) : undefined;
    const runners = createTaskRunners({
      store,
      driver,
      instance,
      clock: systemClock,
      after: systemAfter,
      log,
      pullPolicy: settings.pullPolicy,
      resources: createFetchResources(resourceSources(redis, settings, systemClock)),
      output: output.context,
      ...(ownImage && { ownImage }),
      efs: () => readEfsFileSystems(settings.efs),
      ...(maxOpenFiles === undefined ? {} : { mostOpenFiles: maxOpenFiles }),
      directory,
      surroundings: services.surroundings,
      starts: pLimit(settings.launchConcurrency),
      definition: createDefinitionCache(store),
      closing: closing.signal,
      fenced,
    });
    const execSessions = createExecSessions({
      driver,
      store: createExecSessionStore(redis, settings.redisPrefix),
      clock: systemClock,
      after: systemAfter,
      log,
      idleTimeout: settings.execIdleTimeout * 1000,
      resumeWithin: settings.execResumeWithin * 1000,
      openTranscript: output.openTranscript,
      container: (session) => runners.handle(taskKey(session), session.container),
    });
    undo.push(execSessions.close);
    // Before the tasks are read: a job that comes later is not lost.
    const queue = { prefix: settings.redisPrefix, worker: settings.workerName };
    await dropTaskJobs(jobs, queue);
    const held = await store.workers.tasks(settings.workerName);
    await keepCursors(output.context.folder, new Set(held.map((key) => parseTaskKey(key).taskId)));
    await runners.recover(held, await driver.recover());

    const failed = (error: unknown) => log.warn({ err: error }, 'a job failed');
    const consumer = consumeTaskJobs(jobs, { ...queue, concurrency: jobConcurrency }, runners.look, failed);
    undo.push(consumer.close);
    const calls = connectRedis(options.redisUrl, { patience: null, name: `${name}-exec` });
    calls.on('error', () => {});
    undo.push(async () => calls.disconnect());
    await answerSummons(calls, queue, execSessions.answer);
    registration.start((tasks) => {
      for (const task of tasks) runners.look(task).catch(failed);
    });
    // Simulations use nothing.
    if (isolation !== 'none') {
      const usage = createUsageStore(redis, settings.redisPrefix);
      undo.push(sampleUsage({ driver, directory, readings, store: usage, after: systemAfter, log }));
    }
    await store.workers.open(settings.workerName, instance, range.addresses - settings.warmPool);
    log.info({ worker: settings.workerName, network: range.subnet, runtime: settings.runtime }, 'worker is ready');

    return {
      async close({ stopTasks = false } = {}) {
        try {
          if (stopTasks) {
            // Placement looks elsewhere from here on, so that the list is complete.
            await store.workers.open(settings.workerName, instance, 0);
            const decision = { code: 'UserInitiated', reason: 'Longshore was stopped with --stop-tasks' } as const;
            await runners.stopAll(await store.workers.tasks(settings.workerName), decision);
          }
        } finally {
          closing.abort();
          await undoAll();
        }
      },
    };
  } catch (error) {
    closing.abort();
    await undoAll();
    throw error;
  }

  /** Images of this installation's registry are pulled by a loopback address, which engines trust without TLS. */
  async function ownImages(endpoint: string) {
    const forwarder = await startRegistryForwarder(endpoint, log);
    undo.push(forwarder.close);
    return createResolveOwnImage({
      settings,
      repositories: createRepositoryStore(redis, settings.redisPrefix),
      tokens: createTokenIssuer(async () => await readSecretsKey(secretsKeyPath(settings)), systemClock),
      endpoint,
      enginePort: forwarder.port,
    });
  }

  async function undoAll(): Promise<void> {
    for (const step of undo.splice(0).reverse()) {
      await step().catch((error: unknown) => log.warn({ err: error }, 'could not end cleanly'));
    }
  }
}

/** Nobody said what to do: the process must not go on as if nothing had happened. */
function endProcess(error: FencedError): void {
  setImmediate(() => {
    throw error;
  });
}
