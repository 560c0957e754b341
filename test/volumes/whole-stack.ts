/** API, Redis, worker and the Docker Engine of this host, in this process: RunTask runs real containers. */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateClusterCommand,
  DescribeTasksCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionRequest,
  RunTaskCommand,
  type RunTaskRequest,
  StopTaskCommand,
  type Task,
} from '@aws-sdk/client-ecs';
import pino from 'pino';
import { loadOrCreateCredentials } from '../../api/credentials.ts';
import { startApi } from '../../api/main.ts';
import { connectRedis } from '../../core/redis.ts';
import { readSettings, type Settings } from '../../core/settings.ts';
import type { ContainerHandle, Driver } from '../../runtime/driver.ts';
import { startEmbeddedRedis } from '../../scripts/embedded-redis.ts';
import { createDriver } from '../../worker/driver.ts';
import { startWorker } from '../../worker/main.ts';
import { makeBusyboxImage } from '../runtime/images.ts';
import { freePort } from '../support/free-port.ts';

export interface WholeStack {
  readonly client: ECSClient;
  readonly image: string;
  readonly owner: string;
  /** Another driver of the same installation: it sees what the worker's made. Not opened. */
  readonly driver: Driver;
  readonly settings: Settings;
  run(definition: Partial<RegisterTaskDefinitionRequest>, request?: Partial<RunTaskRequest>): Promise<Task>;
  /** Resolves with the task once it has this status. */
  until(task: Task, status: 'RUNNING' | 'STOPPED'): Promise<Task>;
  stop(task: Task): Promise<void>;
  handle(task: Task, name: string): Promise<ContainerHandle>;
  /** What a container wrote to stdout, to its end. */
  output(task: Task, name: string): Promise<string>;
  /** Resolves when the container has written `text`. */
  wrote(task: Task, name: string, text: string): Promise<void>;
  close(): Promise<void>;
}

export const idOf = (task: Task) => (task.taskArn ?? '').split('/').at(-1) ?? '';

export async function startWholeStack(environment: Readonly<Record<string, string>> = {}): Promise<WholeStack> {
  const undo: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return { ...(await start(environment, (step) => undo.push(step))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  environment: Readonly<Record<string, string>>,
  later: (step: () => Promise<unknown>) => void,
): Promise<Omit<WholeStack, 'close'>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'longshore-stack-'));
  later(() => rm(dataDir, { recursive: true, force: true }));
  const redis = await startEmbeddedRedis(dataDir);
  later(() => redis.stop());
  const owner = `test-${randomUUID().slice(0, 8)}`;
  const settings = readSettings({
    ...(process.env.DOCKER_HOST === undefined ? {} : { DOCKER_HOST: process.env.DOCKER_HOST }),
    LONGSHORE_DATA_DIR: dataDir,
    LONGSHORE_PORT: String(await freePort()),
    LONGSHORE_NETWORK: `10.${randomInt(128, 200)}.${randomInt(0, 256)}.0/24`,
    LONGSHORE_NETWORK_PREFIX: '26',
    LONGSHORE_WARM_POOL: '0',
    LONGSHORE_WORKER_NAME: owner,
    // What this host has does not matter here.
    LONGSHORE_WORKER_CPU: '65536',
    LONGSHORE_WORKER_MEMORY: '65536',
    ...environment,
  });
  const image = await makeBusyboxImage('longshore-volumes-test', owner);
  later(() => image.remove());
  const log = pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' });
  const driver = await createDriver(settings, {
    owner,
    networkRange: { subnet: settings.network, gateway: settings.network.replace(/\/.*/, '') },
    log,
  });
  later(async () => {
    await driver.clean();
    await driver.close();
  });
  const api = await startApi({ settings, redisUrl: redis.url, log });
  later(() => api.close());
  const worker = await startWorker({ settings, redisUrl: redis.url, installation: owner, log });
  later(() => worker.close());
  const events = connectRedis(redis.url, { patience: null, name: 'test-events' });
  later(async () => events.disconnect());
  const credentials = await loadOrCreateCredentials(dataDir, '000000000000');
  const client = new ECSClient({ endpoint: api.endpoint, region: 'us-east-1', credentials });
  later(async () => client.destroy());
  await client.send(new CreateClusterCommand({}));

  const describe = async (task: Task) =>
    (await client.send(new DescribeTasksCommand({ tasks: [task.taskArn ?? ''] }))).tasks?.[0] ?? task;

  const handle = async (task: Task, name: string) => {
    const sandbox = (await driver.recover()).find(({ id }) => id === idOf(task));
    const found = sandbox?.containers.find((container) => container.handle.name === name)?.handle;
    if (!found) throw new Error(`There is no container ${name} of task ${idOf(task)}.`);
    return found;
  };

  return {
    client,
    image: image.name,
    owner,
    driver,
    settings,
    handle,

    async run(definition, request = {}) {
      const { taskDefinition } = await client.send(
        new RegisterTaskDefinitionCommand({
          family: `f-${randomUUID()}`,
          cpu: '256',
          memory: '512',
          networkMode: 'awsvpc',
          requiresCompatibilities: ['FARGATE'],
          containerDefinitions: [],
          ...definition,
        }),
      );
      const { tasks, failures } = await client.send(
        new RunTaskCommand({
          launchType: 'FARGATE',
          taskDefinition: taskDefinition?.taskDefinitionArn,
          networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0a1b2c3d'] } },
          ...request,
        }),
      );
      const task = tasks?.[0];
      if (!task) throw new Error(`The task was not placed: ${JSON.stringify(failures)}`);
      return task;
    },

    async until(task, status) {
      // The stream is read from the beginning: what has happened already is in it.
      for (let position = '0'; ; ) {
        const now = await describe(task);
        if (now.lastStatus === status) return now;
        if (now.lastStatus === 'STOPPED')
          throw new Error(`The task stopped: ${now.stoppedReason} ${JSON.stringify(now.containers)}`);
        const read = await events.xread('BLOCK', 20_000, 'STREAMS', `${settings.redisPrefix}:events`, position);
        position = read?.[0]?.[1].at(-1)?.[0] ?? position;
      }
    },

    async stop(task) {
      await client.send(new StopTaskCommand({ task: task.taskArn }));
    },

    async output(task, name) {
      let text = '';
      for await (const { data } of driver.logs(await handle(task, name), { follow: true }))
        text += Buffer.from(data).toString();
      return text;
    },

    async wrote(task, name, text) {
      let all = '';
      for await (const { data } of driver.logs(await handle(task, name), { follow: true })) {
        all += Buffer.from(data).toString();
        if (all.includes(text)) return;
      }
      throw new Error(`${name} ended without writing ${text}: ${all}`);
    },
  };
}
