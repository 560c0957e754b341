/** The API, a worker and a driver in this process, and what containers were created with. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ContainerDefinition,
  CreateClusterCommand,
  DescribeTasksCommand,
  type ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  type Task,
} from '@aws-sdk/client-ecs';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SSMClient } from '@aws-sdk/client-ssm';
import pLimit from 'p-limit';
import { pino } from 'pino';
import { systemAfter, systemClock } from '../../core/clock.ts';
import { connectRedis } from '../../core/redis.ts';
import type { Settings } from '../../core/settings.ts';
import type { ContainerConfig, ContainerHandle, Driver, PullRequest } from '../../runtime/driver.ts';
import { createFakeDriver } from '../../runtime/fake/driver.ts';
import { createDefinitionCache } from '../../worker/definition-cache.ts';
import { createFetchResources, resourceSources } from '../../worker/resources.ts';
import { createTaskRunners, type TaskRunners } from '../../worker/task-runners.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';

export const executionRoleArn = 'arn:aws:iam::000000000000:role/execution';
const region = 'us-east-1';

export interface SecretStack {
  readonly api: ApiStack;
  readonly ecs: ECSClient;
  readonly ssm: SSMClient;
  readonly secretsManager: SecretsManagerClient;
  /** By container name, the newest last. */
  readonly created: ContainerConfig[];
  readonly handles: ContainerHandle[];
  readonly pulls: PullRequest[];
  /** Lines of the worker's own log, all levels. */
  readonly logged: string[];
  /** Registers and runs one task; returns it once it is RUNNING or STOPPED. */
  run(containers: readonly Partial<ContainerDefinition>[], overrides?: object): Promise<Task>;
  close(): Promise<void>;
}

export interface SecretStackOptions {
  readonly driver?: Driver;
  readonly settings?: Partial<Pick<Settings, 'ssmEndpoint' | 'secretsManagerEndpoint' | 's3Endpoint' | 'secretsKey'>>;
}

export async function startSecretStack({ driver: given, settings }: SecretStackOptions = {}): Promise<SecretStack> {
  let runners: TaskRunners | undefined;
  const closing = new AbortController();
  const api = await createApiStack({
    wake: (_worker, keys) => {
      for (const key of keys) runners?.look(key).catch(() => {});
    },
  });
  const redis = connectRedis(api.redisUrl, { patience: 3, name: 'worker' });
  const created: ContainerConfig[] = [];
  const handles: ContainerHandle[] = [];
  const pulls: PullRequest[] = [];
  const logged: string[] = [];
  const plain = given ?? createFakeDriver({ networkRange: { subnet: '10.213.0.0/22', gateway: '10.213.0.1' } });
  const driver: Driver = {
    ...plain,
    createContainer: async (config, signal) => {
      created.push(config);
      const handle = await plain.createContainer(config, signal);
      handles.push(handle);
      return handle;
    },
    pullImage: async (request) => {
      pulls.push(request);
      return await plain.pullImage(request);
    },
  };
  await driver.open();
  const { maxOpenFiles } = await driver.capabilities();
  const sources = resourceSources(
    redis,
    {
      redisPrefix: api.prefix,
      dataDir: api.directory,
      secretsKey: undefined,
      ssmEndpoint: undefined,
      secretsManagerEndpoint: undefined,
      s3Endpoint: undefined,
      ...settings,
    },
    systemClock,
  );
  const registration = {
    name: 'worker',
    instance: randomUUID(),
    process: { bootId: 'none', pid: 1, startedAt: '0' },
    runtime: 'fake',
    cpuArchitecture: 'X86_64' as const,
    cpu: 1_000_000,
    memory: 1_000_000,
    slots: 1000,
  };
  await api.store.workers.register(registration, () => false);
  runners = createTaskRunners({
    store: api.store,
    driver,
    instance: registration.instance,
    clock: systemClock,
    after: systemAfter,
    log: pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) }),
    pullPolicy: 'default',
    ...(maxOpenFiles !== undefined && { mostOpenFiles: maxOpenFiles }),
    resources: createFetchResources(sources),
    starts: pLimit(100),
    definition: createDefinitionCache(api.store),
    closing: closing.signal,
    fenced: () => closing.abort(),
  });
  const ecs = await api.client();
  await ecs.send(new CreateClusterCommand({}));
  const credentials = await api.key();
  const ssm = new SSMClient({ endpoint: api.endpoint, region, credentials });
  const secretsManager = new SecretsManagerClient({ endpoint: api.endpoint, region, credentials });

  return {
    api,
    ecs,
    ssm,
    secretsManager,
    created,
    handles,
    pulls,
    logged,
    run: async (containers, overrides) => await run(ecs, containers, overrides),
    close: async () => {
      const held = await api.store.workers.tasks(registration.name);
      await runners?.stopAll(held, { code: 'UserInitiated', reason: 'the test is over' });
      closing.abort();
      await driver.close();
      ssm.destroy();
      secretsManager.destroy();
      redis.disconnect();
      await api.close();
    },
  };
}

async function run(ecs: ECSClient, containers: readonly Partial<ContainerDefinition>[], overrides?: object) {
  const family = `family-${randomUUID()}`;
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family,
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      cpu: '256',
      memory: '512',
      executionRoleArn,
      containerDefinitions: containers.map((container) => ({ name: 'app', image: 'simulated', ...container })),
    }),
  );
  const { tasks = [] } = await ecs.send(
    new RunTaskCommand({
      taskDefinition: family,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-12345678'] } },
      ...(overrides && { overrides }),
    }),
  );
  const arn = tasks[0]?.taskArn ?? '';
  for (;;) {
    const { tasks: [task] = [] } = await ecs.send(new DescribeTasksCommand({ tasks: [arn] }));
    if (task && ['RUNNING', 'STOPPED'].includes(task.lastStatus ?? '')) return task;
    await delay(20);
  }
}

export interface TinyServer {
  readonly endpoint: string;
  close(): Promise<void>;
}

export async function startTinyServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TinyServer> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
