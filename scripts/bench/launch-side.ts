/** One side of the launch comparison: something that launches, and puts back what it launched. */
import {
  CreateClusterCommand,
  DescribeTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import { askEngine } from '../engine.ts';
import { type DockerPeer, sleepCommand } from './docker-peer.ts';
import { type Instance, startInstance } from './instance.ts';
import type { BenchContext } from './scenario.ts';
import { watchStatus } from './status-watch.ts';

export interface LaunchSide {
  readonly name: string;
  /** Launches one. Resolves with the time (performance.now()) at which it ran. */
  launch(): Promise<number>;
  /**
   * Removes what was launched and resolves when the side is as it was at first.
   * @returns where the launches since the last time spent theirs, as far as the side tells
   */
  settle(): Promise<readonly Phases[]>;
}

/** Milliseconds, as DescribeTasks tells them. */
export interface Phases {
  /** From the task's record to its network being there: queue, worker, sandbox. */
  readonly network: number;
  readonly pull: number;
  /** From the last image to RUNNING: containers created and started. */
  readonly containers: number;
}

export function dockerSide(peer: DockerPeer): LaunchSide {
  const launched: string[] = [];
  return {
    name: 'docker run -d',
    async launch() {
      launched.push(await peer.run());
      return performance.now();
    },
    async settle() {
      await peer.remove(launched.splice(0));
      return [];
    },
  };
}

/** Sides of one instance, for tasks of one and of two containers; they share its warm pool. */
export async function longshoreSides(
  context: BenchContext,
  options: { readonly name: string; readonly warmPool: number; readonly image: string },
): Promise<{ readonly one: LaunchSide; readonly two: LaunchSide }> {
  const { name, warmPool, image } = options;
  const instance = await startInstance(context, {
    // The tasks only sleep: more of them than memory allows by right do no harm.
    settings: { warmPool, runtime: 'docker', workerMemory: 65_536 },
    worker: 'process',
  });
  await instance.client.send(new CreateClusterCommand({}));
  const watch = await watchStatus(instance.connect(), instance.settings.redisPrefix);
  const side = async (containers: number): Promise<LaunchSide> => {
    const family = `bench-${containers}`;
    await register(instance, family, containers, image);
    const launched: string[] = [];
    return {
      name: `Longshore, ${name}, ${containers === 1 ? '1 container' : `${containers} containers`}`,
      async launch() {
        const id = await runTask(instance, family);
        launched.push(id);
        return await watch.reached(id, 'RUNNING');
      },
      async settle() {
        const ended = launched.splice(0);
        const phases = await phasesOf(instance, ended);
        await Promise.all(
          ended.map(async (task) => {
            await instance.client.send(new StopTaskCommand({ task }));
            await watch.reached(task, 'STOPPED');
          }),
        );
        await poolIsFull(instance, warmPool);
        return phases;
      },
    };
  };
  return { one: await side(1), two: await side(2) };
}

export async function register(
  instance: Instance,
  family: string,
  containers: number,
  image: string,
  command: readonly string[] = sleepCommand,
): Promise<void> {
  await instance.client.send(
    new RegisterTaskDefinitionCommand({
      family,
      cpu: '256',
      memory: '512',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      containerDefinitions: Array.from({ length: containers }, (_, index) => ({
        name: `main-${index}`,
        image,
        essential: true,
        command: [...command],
      })),
    }),
  );
}

export async function runTask({ client }: Instance, taskDefinition: string): Promise<string> {
  const { tasks = [], failures = [] } = await client.send(
    new RunTaskCommand({
      taskDefinition,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0123456789abcdef0'] } },
    }),
  );
  const id = tasks[0]?.taskArn?.split('/').at(-1);
  if (id === undefined) throw new Error(`RunTask launched nothing: ${JSON.stringify(failures)}`);
  return id;
}

export async function phasesOf({ client }: Instance, tasks: string[]): Promise<readonly Phases[]> {
  const { tasks: described = [] } = await client.send(new DescribeTasksCommand({ tasks }));
  return described.map(({ createdAt, pullStartedAt, pullStoppedAt, startedAt }) => {
    const between = (from: Date | undefined, to: Date | undefined) =>
      (to?.getTime() ?? Number.NaN) - (from?.getTime() ?? Number.NaN);
    return {
      network: between(createdAt, pullStartedAt),
      pull: between(pullStartedAt, pullStoppedAt),
      containers: between(pullStoppedAt, startedAt),
    };
  });
}

/** The engine tells: what a pool holds is known to the worker alone. */
export async function poolIsFull(
  { settings, installation }: Pick<Instance, 'settings' | 'installation'>,
  size: number,
): Promise<void> {
  const filters = encodeURIComponent(
    JSON.stringify({ name: [`longshore-${installation}-_pool.`], status: ['running'] }),
  );
  const deadline = Date.now() + 60_000;
  for (;;) {
    const ready = Object.values(await askEngine(settings.dockerHost, `/containers/json?filters=${filters}`)).length;
    if (ready >= size) return;
    if (Date.now() > deadline) throw new Error(`The warm pool holds ${ready} of ${size} after a minute.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
