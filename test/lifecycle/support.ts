/** The API and a worker in this process, time by hand, and everything that the runtime was told to do in order. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ContainerDefinition,
  CreateClusterCommand,
  DescribeTasksCommand,
  type ECSClient,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionCommandInput,
  RunTaskCommand,
  type RunTaskCommandInput,
  type Task as SdkTask,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import pLimit from 'p-limit';
import { pino } from 'pino';
import type { After } from '../../core/clock.ts';
import { ownProcess } from '../../core/process-identity.ts';
import type { Store } from '../../core/store/store.ts';
import type { Task, TaskKey } from '../../core/task.ts';
import type { Driver } from '../../runtime/driver.ts';
import { createFakeDriver } from '../../runtime/fake/driver.ts';
import { createDefinitionCache } from '../../worker/definition-cache.ts';
import { registerWorker } from '../../worker/registration.ts';
import { createTaskRunners, type TaskRunners } from '../../worker/task-runners.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';

const log = pino({ level: process.env.LONGSHORE_TEST_LOG ?? 'silent' });
const workerName = 'w1';

export interface HandTime {
  now(): number;
  readonly after: After;
  /** Moves time on, and calls what is due on the way in its order. */
  advance(milliseconds: number): void;
}

export function createHandTime(): HandTime {
  let now = Date.now();
  let timers: { readonly at: number; readonly action: () => void }[] = [];
  return {
    now: () => now,
    after(milliseconds, action) {
      const timer = { at: now + milliseconds, action };
      timers.push(timer);
      return () => {
        timers = timers.filter((each) => each !== timer);
      };
    },
    advance(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const next = timers.reduce<(typeof timers)[number] | undefined>(
          (first, each) => (each.at <= end && (first === undefined || each.at < first.at) ? each : first),
          undefined,
        );
        if (next === undefined) break;
        timers = timers.filter((each) => each !== next);
        now = Math.max(now, next.at);
        next.action();
      }
      now = end;
    },
  };
}

/** What the runtime was asked: `create app`, `start app`, `again app`, `stop app`, `ended app`, `exec app`. */
export type Journal = string[];

export interface TestWorker {
  readonly driver: Driver;
  readonly runners: TaskRunners;
  /** As a killed process: nothing is told, nothing is stopped; the runtime's state stays. */
  kill(): Promise<void>;
}

export interface Lifecycle {
  readonly stack: ApiStack;
  readonly store: Store;
  readonly ecs: ECSClient;
  readonly time: HandTime;
  readonly journal: Journal;
  readonly worker: TestWorker;
  /** Kills the worker and starts another one of its name on the same runtime. */
  restartWorker(whileDead?: () => Promise<void> | void): Promise<void>;
  close(): Promise<void>;
}

export interface LifecycleOptions {
  /** A driver on a state that outlives it. Default: the fake one, with time by hand. */
  readonly driver?: (time: HandTime) => Promise<Driver>;
  /** Default: time by hand. */
  readonly time?: HandTime;
}

export async function startLifecycle(options: LifecycleOptions = {}): Promise<Lifecycle> {
  const time = options.time ?? createHandTime();
  const folder = await mkdtemp(join(tmpdir(), 'longshore-lifecycle-'));
  const journal: Journal = [];
  let worker: TestWorker | undefined;
  const stack = await createApiStack({
    clock: time.now,
    wake: (_worker, keys) => {
      for (const key of keys) look(key);
    },
  });
  const look = (key: TaskKey) => {
    worker?.runners.look(key).catch((error: unknown) => log.warn({ err: error }, 'a look failed'));
  };
  const newDriver =
    options.driver ??
    (async ({ now, after }) =>
      createFakeDriver({
        networkRange: { subnet: '10.213.0.0/22', gateway: '10.213.0.1' },
        clock: { now, after },
        stateFile: join(folder, 'state'),
      }));

  async function startWorker(): Promise<TestWorker> {
    const closing = new AbortController();
    const instance = randomUUID();
    const { store } = stack;
    const registration = await registerWorker(
      store,
      {
        name: workerName,
        instance,
        process: ownProcess(),
        runtime: 'fake',
        cpuArchitecture: 'X86_64',
        cpu: 1_000_000,
        memory: 1_000_000,
        slots: 0,
      },
      log,
      () => closing.abort(),
    );
    const driver = noting(await newDriver(time), journal);
    await driver.open();
    const { maxOpenFiles } = await driver.capabilities();
    const runners = createTaskRunners({
      store,
      driver,
      instance,
      clock: time.now,
      after: time.after,
      log,
      pullPolicy: 'default',
      ...(maxOpenFiles === undefined ? {} : { mostOpenFiles: maxOpenFiles }),
      starts: pLimit(100),
      definition: createDefinitionCache(store),
      closing: closing.signal,
      fenced: () => closing.abort(),
    });
    await runners.recover(await store.workers.tasks(workerName), await driver.recover());
    registration.start((keys) => keys.forEach(look));
    await store.workers.open(workerName, instance, 1000);
    return {
      driver,
      runners,
      async kill() {
        closing.abort();
        await driver.close();
        // Only the name is given up, so that the next one need not wait for the lease to end.
        await registration.close();
      },
    };
  }

  worker = await startWorker();
  const ecs = await stack.client();
  await ecs.send(new CreateClusterCommand({ capacityProviders: ['FARGATE', 'FARGATE_SPOT'] }));
  return {
    stack,
    store: stack.store,
    ecs,
    time,
    journal,
    get worker() {
      if (!worker) throw new Error('The worker is dead.');
      return worker;
    },
    async restartWorker(whileDead = () => {}) {
      const dead = worker;
      worker = undefined;
      await dead?.kill();
      try {
        await whileDead();
      } finally {
        worker = await startWorker();
      }
    },
    async close() {
      await worker?.kill();
      await stack.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function noting(driver: Driver, journal: Journal): Driver {
  return {
    ...driver,
    async createContainer(config, signal) {
      journal.push(`create ${config.name}`);
      return await driver.createContainer(config, signal);
    },
    async startContainer(handle, how) {
      journal.push(`${how?.again ? 'again' : 'start'} ${handle.name}`);
      return await driver.startContainer(handle, how);
    },
    async stopContainer(handle, grace) {
      journal.push(`stop ${handle.name} ${grace}`);
      await driver.stopContainer(handle, grace);
      journal.push(`stopped ${handle.name}`);
    },
    async exec(handle, config) {
      journal.push(`exec ${handle.name}`);
      return await driver.exec(handle, config);
    },
  };
}

/** A container definition whose `environment` is a plain record. */
export type TestContainer = Omit<ContainerDefinition, 'environment'> & {
  readonly name: string;
  readonly environment?: Readonly<Record<string, string | number>>;
};

/** Registers and runs a task of these containers; returns its ARN. */
export async function run(
  { ecs }: Pick<Lifecycle, 'ecs'>,
  containers: readonly TestContainer[],
  request: Partial<RunTaskCommandInput> = {},
  definition: Partial<RegisterTaskDefinitionCommandInput> = {},
): Promise<string> {
  const family = `f-${randomUUID().slice(0, 8)}`;
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family,
      cpu: '256',
      memory: '512',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      containerDefinitions: containers.map(({ environment = {}, ...container }) => ({
        image: 'simulated',
        ...container,
        environment: Object.entries(environment).map(([name, value]) => ({ name, value: String(value) })),
      })),
      ...definition,
    }),
  );
  const { tasks = [], failures = [] } = await ecs.send(
    new RunTaskCommand({
      taskDefinition: family,
      ...(request.capacityProviderStrategy ? {} : { launchType: 'FARGATE' as const }),
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-12345678'] } },
      ...request,
    }),
  );
  const arn = tasks[0]?.taskArn;
  if (arn === undefined) throw new Error(`RunTask failed: ${failures[0]?.reason}`);
  return arn;
}

export async function stop({ ecs }: Pick<Lifecycle, 'ecs'>, task: string, reason?: string): Promise<void> {
  await ecs.send(new StopTaskCommand({ task, reason }));
}

export async function describeTask({ ecs }: Pick<Lifecycle, 'ecs'>, arn: string): Promise<SdkTask> {
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ tasks: [arn] }));
  if (!tasks[0]) throw new Error(`${arn} is not described.`);
  return tasks[0];
}

/** What is recorded, which is more than what is described. */
export async function recorded({ store }: Pick<Lifecycle, 'store'>, arn: string): Promise<Task> {
  const scope = { accountId: '000000000000', region: 'us-east-1' };
  const [task] = await store.tasks.get(scope, [arn.slice(arn.lastIndexOf('/') + 1)]);
  if (!task) throw new Error(`${arn} is not recorded.`);
  return task;
}

/** Waits until `holds`; `step`: milliseconds of hand time that pass between two looks. */
export async function until(
  lifecycle: Lifecycle,
  arn: string,
  holds: (task: SdkTask) => boolean,
  step = 0,
): Promise<SdkTask> {
  const deadline = Date.now() + 45_000;
  for (let pause = 2; ; pause = Math.min(pause * 1.2, 50)) {
    const task = await describeTask(lifecycle, arn);
    if (holds(task)) return task;
    if (Date.now() > deadline || task.lastStatus === 'STOPPED')
      throw new Error(`waited in vain; the task is ${summary(task)}`);
    if (step > 0) lifecycle.time.advance(step);
    await new Promise((resolve) => setTimeout(resolve, step > 0 ? 2 : pause));
  }
}

export const is = (status: string) => (task: SdkTask) => task.lastStatus === status;
export const container = (task: SdkTask, name: string) => task.containers?.find((each) => each.name === name);
export const containerIs = (name: string, status: string) => (task: SdkTask) =>
  container(task, name)?.lastStatus === status;
export const healthIs = (name: string, health: string) => (task: SdkTask) =>
  container(task, name)?.healthStatus === health;

export function summary({ lastStatus, desiredStatus, stopCode, stoppedReason, containers = [] }: SdkTask): string {
  const parts = containers.map((each) => `${each.name} ${each.lastStatus} ${each.healthStatus} ${each.reason ?? ''}`);
  return `${lastStatus}/${desiredStatus} ${stopCode ?? ''} ${stoppedReason ?? ''} [${parts.join(', ')}]`;
}
