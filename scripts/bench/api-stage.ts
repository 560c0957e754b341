/** An API with so many tasks stored, and a worker that takes tasks but never runs one: what the API alone costs. */
import { randomBytes, randomUUID } from 'node:crypto';
import { CreateClusterCommand, RegisterTaskDefinitionCommand, RunTaskCommand } from '@aws-sdk/client-ecs';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import pLimit from 'p-limit';
import { pino } from 'pino';
import { ownProcess } from '../../core/process-identity.ts';
import { createStore } from '../../core/store/index.ts';
import type { NewTask, Store } from '../../core/store/store.ts';
import type { Observed, Task, TaskSpec } from '../../core/task.ts';
import { registerWorker } from '../../worker/registration.ts';
import { type Instance, startInstance } from './instance.ts';
import type { BenchContext } from './scenario.ts';

export interface ApiStage {
  readonly instance: Instance;
  readonly stored: number;
  /** Ids of tasks that are RUNNING. */
  readonly running: readonly string[];
  /** Forgets tasks that a measurement started, so that the next one finds what this one found. */
  forget(taskIds: readonly string[]): Promise<void>;
}

const workerName = 'bench';
/** More than any benchmark fills. */
const endless = 1_000_000_000;
/** Tasks of one placement, and operations under way, while the store is filled. */
const fillBatch = 50;
const fillConcurrency = 16;

export const taskDefinition = {
  family: 'bench',
  cpu: '256',
  memory: '512',
  networkMode: 'awsvpc',
  requiresCompatibilities: ['FARGATE'],
  containerDefinitions: [
    {
      name: 'main',
      image: 'bench:latest',
      essential: true,
      command: ['sleep', '3600'],
      environment: [{ name: 'STAGE', value: 'bench' }],
      portMappings: [{ containerPort: 8080, protocol: 'tcp' }],
    },
  ],
} as const;

export const runTaskInput = {
  taskDefinition: 'bench:1',
  launchType: 'FARGATE',
  networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0123456789abcdef0'] } },
} as const;

/** @param stored tasks: at least `running` RUNNING, and of the others as many RUNNING as STOPPED */
export async function startApiStage(context: BenchContext, stored: number, running: number): Promise<ApiStage> {
  const instance = await startInstance(context, {
    settings: { runtime: 'fake', stoppedTaskRetention: 7 * 24 * 3600 },
    worker: 'none',
  });
  const redis = instance.connect();
  const store = createStore(redis, { prefix: instance.settings.redisPrefix });
  const worker = await takeTasks(context, store);
  const { client, settings } = instance;
  await client.send(new CreateClusterCommand({}));
  await client.send(
    new RegisterTaskDefinitionCommand({
      ...taskDefinition,
      requiresCompatibilities: ['FARGATE'],
      containerDefinitions: taskDefinition.containerDefinitions.map((definition) => ({
        ...definition,
        command: [...definition.command],
        environment: [...definition.environment],
        portMappings: [...definition.portMappings],
      })),
    }),
  );
  const first = await oneTask(instance, store);
  const ids = await fill(redis, store, worker, first, { stored, running });

  return {
    instance,
    stored,
    running: ids,
    async forget(taskIds) {
      await stopAll(store, worker, first.spec, taskIds);
      while ((await store.tasks.purgeStopped(longAgo, 200)) > 0);
      // Nobody takes the jobs that wake the worker.
      const queue = new Queue(`tasks-${workerName}`, { connection: redis, prefix: `${settings.redisPrefix}:queue` });
      await queue.obliterate({ force: true });
      await queue.close();
    },
  };
}

/** Registers a worker of endless capacity and keeps its lease. @returns its instance id */
async function takeTasks({ cleanup }: BenchContext, store: Store): Promise<string> {
  const instance = randomUUID();
  const registration = await registerWorker(
    store,
    {
      name: workerName,
      instance,
      process: ownProcess(),
      runtime: 'fake',
      cpuArchitecture: process.arch === 'arm64' ? 'ARM64' : 'X86_64',
      cpu: endless,
      memory: endless,
      slots: 0,
    },
    pino({ level: 'silent' }),
    () => {},
  );
  registration.start(() => {});
  await store.workers.open(workerName, instance, endless);
  cleanup.add(registration.close);
  return instance;
}

async function oneTask({ client, settings }: Instance, store: Store): Promise<Task> {
  const architecture = process.arch === 'arm64' ? 'ARM64' : 'X86_64';
  const { tasks = [], failures } = await client.send(
    new RunTaskCommand({
      ...runTaskInput,
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0123456789abcdef0'] } },
    }),
  );
  const id = tasks[0]?.taskArn?.split('/').at(-1) ?? '';
  const [task] = await store.tasks.get({ accountId: settings.accountId, region: settings.region }, [id]);
  if (!task) throw new Error(`RunTask on ${architecture} placed nothing: ${JSON.stringify(failures)}`);
  return task;
}

/** Through the store, a batch at a time: a hundred thousand calls would take minutes. */
async function fill(
  redis: Redis,
  store: Store,
  worker: string,
  { spec, wanted }: Task,
  { stored, running }: { readonly stored: number; readonly running: number },
): Promise<readonly string[]> {
  const limit = pLimit(fillConcurrency);
  const ids: string[] = [];
  await redis.config('SET', 'appendfsync', 'no');
  await Promise.all(
    Array.from({ length: Math.ceil(stored / fillBatch) }, (_, batch) =>
      limit(async () => {
        const size = Math.min(fillBatch, stored - batch * fillBatch);
        const tasks = Array.from({ length: size }, (): NewTask => ({ spec: anotherTask(spec), wanted }));
        const placed = await store.tasks.place(spec, { tasks, clusterName: spec.clusterName });
        if (placed.outcome !== 'placed' || placed.unplaced > 0) throw new Error('The store could not be filled.');
        await Promise.all(
          placed.tasks.map(async (task, index) => {
            const runs = batch * fillBatch + index < running || index % 2 === 0;
            await store.tasks.observe(task, worker, (now) =>
              runs ? started(now.spec) : stopped(now.spec, Date.now()),
            );
            if (runs) ids.push(task.spec.taskId);
          }),
        );
      }),
    ),
  );
  await rewriteFile(redis);
  await redis.config('SET', 'appendfsync', 'always');
  return ids;
}

/** So that Redis does not do it in the middle of a measurement. */
async function rewriteFile(redis: Redis): Promise<void> {
  await redis.bgrewriteaof();
  for (;;) {
    const info = await redis.info('persistence');
    if (/aof_rewrite_in_progress:0/.test(info) && /aof_rewrite_scheduled:0/.test(info)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function anotherTask(spec: TaskSpec): NewTask['spec'] {
  const taskId = randomUUID().replaceAll('-', '');
  const containers = spec.containers.map((container) => ({
    ...container,
    id: randomUUID(),
    runtimeId: `${taskId}-0123456789`,
  }));
  return { ...spec, taskId, attachmentId: randomUUID(), containers };
}

function started({ createdAt, containers }: TaskSpec): Observed {
  const at = createdAt + 1000;
  return {
    networkInterface: {
      id: `eni-${randomBytes(9).toString('hex').slice(0, 17)}`,
      macAddress: '02:42:0a:d5:00:02',
      privateIpv4Address: '10.213.0.2',
      privateDnsName: 'ip-10-213-0-2.ec2.internal',
    },
    connectivityAt: at,
    pullStartedAt: at,
    pullStoppedAt: at,
    startedAt: at,
    containers: Object.fromEntries(
      containers.map(({ name }) => [name, { imageDigest: `sha256:${'0'.repeat(64)}`, createdAt: at, startedAt: at }]),
    ),
  };
}

function stopped(spec: TaskSpec, at: number): Observed {
  const facts = started(spec);
  return {
    ...facts,
    stop: { code: 'EssentialContainerExited', reason: 'Essential container in task exited', at },
    stoppingAt: at,
    executionStoppedAt: at,
    deprovisioningAt: at,
    stoppedAt: at,
    containers: Object.fromEntries(
      Object.entries(facts.containers).map(([name, container]) => [
        name,
        { ...container, finishedAt: at, exitCode: 0 },
      ]),
    ),
  };
}

/** A moment that no other task stopped at or before. */
const longAgo = 1;

async function stopAll(store: Store, worker: string, scope: TaskSpec, ids: readonly string[]): Promise<void> {
  const limit = pLimit(fillConcurrency * 4);
  await Promise.all(
    ids.map((id) =>
      limit(async () => {
        const [task] = await store.tasks.get(scope, [id]);
        if (task) await store.tasks.observe(task, worker, (now) => stopped(now.spec, longAgo));
      }),
    ),
  );
}
