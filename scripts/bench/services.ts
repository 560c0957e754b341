/** Services: how fast a dead task is replaced, how long a rolling deployment takes, and what a thousand services cost. */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DeleteServiceCommand,
  DescribeClustersCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  type Service,
  StopTaskCommand,
  type Task,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import pLimit from 'p-limit';
import { prepareDocker } from './docker-peer.ts';
import { type Instance, startInstance } from './instance.ts';
import { cpuSeconds } from './process-facts.ts';
import type { BenchContext, Scenario } from './scenario.ts';
import { percentile, summarise } from './statistics.ts';
import { figure, type Table } from './table.ts';

const networkConfiguration = { awsvpcConfiguration: { subnets: ['subnet-12345678', 'subnet-87654321'] } };
/** A task counts as healthy when it is RUNNING: what is measured is the scheduler, not ECS's 40 seconds. */
const serviceHealthyAfter = 0;

interface Runtime {
  readonly name: 'fake' | 'docker';
  readonly image: string;
  /** Of a container that ends after some seconds. */
  readonly mortal: { readonly command?: string[]; readonly environment?: { name: string; value: string }[] };
  readonly lasting: { readonly command?: string[] };
}

export const services: Scenario = async (context) => {
  const peer = await prepareDocker(context);
  const runtimes: readonly Runtime[] = [
    {
      name: 'fake',
      image: 'simulated',
      mortal: { environment: [{ name: 'FAKE_RUN_FOR_MS', value: '3000' }] },
      lasting: {},
    },
    {
      name: 'docker',
      image: peer.image,
      mortal: { command: ['sleep', '3'] },
      // Ends at once when it is told to.
      lasting: { command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000000 & wait'] },
    },
  ];
  const small = [];
  for (const runtime of runtimes) small.push(await measureOne(context, runtime));
  const many = await measureMany(context);
  return { tables: [smallTable(small), manyTable(many)], data: { small, many } };
};

interface Small {
  readonly runtime: string;
  /** Milliseconds from a task's end to the start of the one in its place. */
  readonly replacements: readonly number[];
  /** Seconds. */
  readonly rollout: number;
  readonly runTask: number;
}

async function measureOne(context: BenchContext, runtime: Runtime): Promise<Small> {
  const { say, quick } = context;
  say(`services: replacements and a rollout with the ${runtime.name} runtime`);
  const instance = await startInstance(context, {
    settings: {
      runtime: runtime.name,
      serviceHealthyAfter,
      workerMemory: 100_000,
      warmPool: runtime.name === 'docker' ? 10 : 0,
    },
    worker: 'process',
  });
  try {
    const { client } = instance;
    await client.send(new CreateClusterCommand({}));
    await register(instance, 'mortal', runtime.image, runtime.mortal);
    await register(instance, 'lasting', runtime.image, runtime.lasting);

    await create(instance, 'mortal', 'mortal', 3);
    await sleep(quick ? 10_000 : 40_000);
    const replacements = await replacementTimes(instance, 'mortal', 3);
    await client.send(new DeleteServiceCommand({ service: 'mortal', force: true }));

    const runTask = await seconds(async () => {
      const { tasks = [] } = await client.send(
        new RunTaskCommand({ taskDefinition: 'lasting', count: 10, launchType: 'FARGATE', networkConfiguration }),
      );
      await until(async () => (await describe(instance, tasks)).every(({ lastStatus }) => lastStatus === 'RUNNING'));
      await Promise.all(tasks.map(({ taskArn }) => client.send(new StopTaskCommand({ task: taskArn }))));
    });
    await create(instance, 'lasting', 'lasting', 10);
    await until(async () => isComplete(await serviceOf(instance, 'lasting')));
    const rollout = await seconds(async () => {
      await client.send(new UpdateServiceCommand({ service: 'lasting', forceNewDeployment: true }));
      await until(async () => isComplete(await serviceOf(instance, 'lasting')));
    });
    await client.send(new DeleteServiceCommand({ service: 'lasting', force: true }));
    await until(async () => (await serviceOf(instance, 'lasting')).status === 'INACTIVE');
    return { runtime: runtime.name, replacements, rollout, runTask };
  } finally {
    await instance.close();
  }
}

/** Ends and later starts in their order: the n-th end is followed by the n-th start. */
async function replacementTimes({ client }: Instance, serviceName: string, desired: number): Promise<number[]> {
  const tasks: Task[] = [];
  for (const desiredStatus of ['STOPPED', 'RUNNING'] as const) {
    const { taskArns = [] } = await client.send(new ListTasksCommand({ serviceName, desiredStatus }));
    if (taskArns.length > 0)
      tasks.push(...((await client.send(new DescribeTasksCommand({ tasks: taskArns }))).tasks ?? []));
  }
  const times = (of: (task: Task) => Date | undefined) =>
    tasks.flatMap((task) => of(task)?.getTime() ?? []).sort((a, b) => a - b);
  const ends = times((task) => task.executionStoppedAt);
  const starts = times((task) => task.startedAt).slice(desired);
  return starts.map((start, index) => start - (ends[index] ?? Number.NaN)).filter((time) => time >= 0);
}

interface Many {
  readonly services: number;
  readonly tasks: number;
  /** Seconds until all tasks are RUNNING, and until every service is steady. */
  readonly running: number;
  readonly steady: number;
  /** Processor seconds for each second of rest, by process. */
  readonly rest: Readonly<Record<string, number>>;
  readonly replaced: number;
  readonly replacement: number;
}

async function measureMany(context: BenchContext): Promise<Many> {
  const { say, quick } = context;
  const count = quick ? 50 : 1000;
  const each = 10;
  say(`services: ${count} services of ${each} tasks`);
  const instance = await startInstance(context, {
    settings: {
      runtime: 'fake',
      serviceHealthyAfter,
      workerMemory: 100_000_000,
      workerCpu: 100_000_000,
      workerDisk: 1_000_000,
      warmPool: 0,
      network: '10.0.0.0/8',
      networkPrefix: 16,
    },
    worker: 'process',
  });
  try {
    const { client } = instance;
    await client.send(new CreateClusterCommand({}));
    await register(instance, 'lasting', 'simulated', {});
    const began = performance.now();
    const limit = pLimit(16);
    const names = Array.from({ length: count }, (_, index) => `service-${index}`);
    await Promise.all(names.map((name) => limit(() => create(instance, name, 'lasting', each))));
    await until(async () => (await running(instance)) === count * each);
    const allRunning = (performance.now() - began) / 1000;
    await until(async () => await allSteady(instance, names));
    const steady = (performance.now() - began) / 1000;

    say('services: at rest');
    await sleep(5000);
    const rest = await restingCost(instance, quick ? 5 : 30);

    say('services: replacing one task in a hundred');
    const { taskArns = [] } = await client.send(new ListTasksCommand({ maxResults: Math.ceil((count * each) / 100) }));
    const replacement = await seconds(async () => {
      await Promise.all(taskArns.map((task) => limit(() => client.send(new StopTaskCommand({ task })))));
      await until(async () => (await running(instance)) === count * each && (await none(instance, taskArns)));
    });
    return { services: count, tasks: each, running: allRunning, steady, rest, replaced: taskArns.length, replacement };
  } finally {
    await instance.close();
  }
}

async function restingCost({ processes }: Instance, duration: number): Promise<Record<string, number>> {
  const pids = Object.entries(processes) as [string, number][];
  const before = pids.map(([, pid]) => cpuSeconds(pid));
  await sleep(duration * 1000);
  return Object.fromEntries(
    pids.map(([name, pid], index) => [name, (cpuSeconds(pid) - (before[index] ?? 0)) / duration]),
  );
}

async function running({ client }: Instance): Promise<number> {
  const { clusters = [] } = await client.send(new DescribeClustersCommand({}));
  return clusters[0]?.runningTasksCount ?? 0;
}

async function none(instance: Instance, arns: readonly string[]): Promise<boolean> {
  const tasks = await describe(
    instance,
    arns.map((taskArn) => ({ taskArn })),
  );
  return tasks.every(({ lastStatus }) => lastStatus === 'STOPPED');
}

async function allSteady({ client }: Instance, names: readonly string[]): Promise<boolean> {
  for (let from = 0; from < names.length; from += 10) {
    const { services: found = [] } = await client.send(
      new DescribeServicesCommand({ services: names.slice(from, from + 10) }),
    );
    if (!found.every((service) => isComplete(service) && service.events?.[0]?.message?.endsWith('steady state.')))
      return false;
  }
  return true;
}

function isComplete({ deployments = [], runningCount, desiredCount }: Service): boolean {
  return deployments.length === 1 && deployments[0]?.rolloutState === 'COMPLETED' && runningCount === desiredCount;
}

async function describe({ client }: Instance, tasks: readonly Task[]): Promise<Task[]> {
  const found: Task[] = [];
  for (let from = 0; from < tasks.length; from += 100) {
    const arns = tasks.slice(from, from + 100).map(({ taskArn = '' }) => taskArn);
    found.push(...((await client.send(new DescribeTasksCommand({ tasks: arns }))).tasks ?? []));
  }
  return found;
}

async function serviceOf({ client }: Instance, name: string): Promise<Service> {
  const { services: found = [] } = await client.send(new DescribeServicesCommand({ services: [name] }));
  if (!found[0]) throw new Error(`Service ${name} is not described.`);
  return found[0];
}

async function register(
  { client }: Instance,
  family: string,
  image: string,
  container: Runtime['mortal'],
): Promise<void> {
  await client.send(
    new RegisterTaskDefinitionCommand({
      family,
      cpu: '256',
      memory: '512',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      containerDefinitions: [{ name: 'app', image, essential: true, ...container }],
    }),
  );
}

async function create({ client }: Instance, serviceName: string, taskDefinition: string, desiredCount: number) {
  await client.send(
    new CreateServiceCommand({
      serviceName,
      taskDefinition,
      desiredCount,
      launchType: 'FARGATE',
      networkConfiguration,
    }),
  );
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(50);
}

function smallTable(measured: readonly Small[]): Table {
  return {
    title: 'Services: from the end of a task to its replacement RUNNING, ms; rolling deployment of 10 tasks, s',
    head: ['runtime', 'n', 'p50', 'p99', 'rollout', 'RunTask of 10'],
    rows: measured.map(({ runtime, replacements, rollout, runTask }) => [
      runtime,
      String(replacements.length),
      figure(summarise(replacements).p50),
      figure(percentile(replacements, 99)),
      figure(rollout),
      figure(runTask),
    ]),
    notes: ['A task counts as healthy once it is RUNNING, not 40 seconds later as usual.'],
  };
}

function manyTable({ services: count, tasks, running: run, steady, rest, replaced, replacement }: Many): Table {
  return {
    title: `Services: ${count} of ${tasks} simulated tasks each`,
    head: ['', 'value'],
    rows: [
      ['seconds until all tasks are RUNNING', figure(run)],
      ['seconds until every service is steady', figure(steady)],
      ...Object.entries(rest).map(([name, cost]) => [`processor share at rest, ${name}, %`, figure(cost * 100)]),
      [`seconds to replace ${replaced} tasks`, figure(replacement)],
    ],
  };
}
