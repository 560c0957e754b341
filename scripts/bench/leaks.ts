/** Tasks of every kind are started and stopped; afterwards this host must hold as much as before. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ContainerDefinition,
  CreateClusterCommand,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionCommandInput,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import { prepareDocker, sleepCommand } from './docker-peer.ts';
import { follow, type Growth, growthOf, type Holdings, holdingsOf, type Traces } from './holdings.ts';
import { type Instance, startInstance } from './instance.ts';
import { poolIsFull, runTask } from './launch-side.ts';
import type { Scenario } from './scenario.ts';
import { type StatusWatch, watchStatus } from './status-watch.ts';
import type { Table } from './table.ts';

const warmPool = 2;
/** Tasks under way at once. */
const atOnce = 5;
/** How long what is only slow to go may take, milliseconds. */
const patience = 60_000;

/** How a task is ended. */
type End = 'stopped' | 'stopped at once' | 'by itself';

interface Kind {
  readonly family: string;
  readonly end: End;
  readonly containers: readonly ContainerDefinition[];
  readonly rest?: Partial<RegisterTaskDefinitionCommandInput>;
}

/** Each makes something else that could stay. */
function kindsOf(image: string): readonly Kind[] {
  const sleeps = (name: string, rest: ContainerDefinition = {}): ContainerDefinition => ({
    name,
    image,
    command: [...sleepCommand],
    stopTimeout: 2,
    ...rest,
  });
  const check = { interval: 5, timeout: 2, retries: 1 };
  return [
    { family: 'plain', end: 'stopped', containers: [sleeps('app'), sleeps('side')] },
    {
      family: 'volumes',
      end: 'stopped',
      containers: [
        sleeps('app', { mountPoints: [{ sourceVolume: 'data', containerPath: '/data' }] }),
        sleeps('side', { volumesFrom: [{ sourceContainer: 'app' }] }),
      ],
      rest: { volumes: [{ name: 'data' }], pidMode: 'task' },
    },
    {
      family: 'checked',
      end: 'stopped',
      containers: [
        sleeps('app', { dependsOn: [{ containerName: 'side', condition: 'HEALTHY' }] }),
        sleeps('side', { healthCheck: { command: ['CMD-SHELL', 'exit 0'], ...check } }),
        sleeps('stuck', { healthCheck: { command: ['CMD-SHELL', 'sleep 99 & sleep 99'], ...check } }),
      ],
    },
    { family: 'ends', end: 'by itself', containers: [sleeps('app', { command: ['/bin/sh', '-c', 'exit 3'] })] },
    { family: 'fails', end: 'by itself', containers: [sleeps('app', { command: ['/no/such/program'] })] },
    { family: 'hurried', end: 'stopped at once', containers: [sleeps('app'), sleeps('side')] },
  ];
}

export const leaks: Scenario = async (context) => {
  const { quick, say } = context;
  const tasks = quick ? 10 : 50;
  const { image } = await prepareDocker(context);
  const instance = await startInstance(context, {
    // Stopped tasks are forgotten at once: their records are no leak, but would look like one.
    settings: {
      warmPool,
      runtime: 'docker',
      workerMemory: 65_536,
      stoppedTaskRetention: 1,
      workerLostAfter: 0,
      logLevel: 'error',
    },
    worker: 'process',
  });
  await instance.client.send(new CreateClusterCommand({}));
  const kinds = kindsOf(image);
  for (const kind of kinds) await register(instance, kind);
  const watch = await watchStatus(instance.connect(), instance.settings.redisPrefix);
  const redis = instance.connect();
  const traces: Traces = new Set();
  const state = async () => await holdingsOf(instance, redis, traces);

  say('leaks: one task of each kind first, so that what is made once is there');
  await runAll(instance, watch, kinds, traces);
  const before = await settled(instance, state);
  for (let done = 0; done < tasks; done += atOnce) {
    say(`leaks: tasks ${done + 1} to ${done + atOnce} of ${tasks}`);
    const batch = Array.from({ length: atOnce }, (_, index) => kinds[(done + index) % kinds.length] as Kind);
    await runAll(instance, watch, batch, traces);
  }
  const growth = await lastGrowth(before, state, tasks);
  const leaking = growth.filter(({ leaks: more }) => more);
  return {
    tables: [tableOf(growth, tasks)],
    data: { tasks, growth },
    ...(leaking.length > 0 && {
      failure: `Something of ${tasks} tasks is left behind: ${leaking
        .map(({ kind, left }) => `${kind} (${left.slice(0, 5).join(', ')})`)
        .join('; ')}.`,
    }),
  };
};

async function register({ client }: Instance, { family, containers, rest }: Kind): Promise<void> {
  await client.send(
    new RegisterTaskDefinitionCommand({
      family,
      cpu: '256',
      memory: '512',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      containerDefinitions: [...containers],
      ...rest,
    }),
  );
}

async function runAll(instance: Instance, watch: StatusWatch, kinds: readonly Kind[], traces: Traces): Promise<void> {
  await Promise.all(
    kinds.map(async ({ family, end }) => {
      const task = await runTask(instance, family);
      if (end === 'stopped') {
        await watch.reached(task, 'RUNNING');
        await follow(instance, traces);
      }
      if (end !== 'by itself') await instance.client.send(new StopTaskCommand({ task }));
      await watch.reached(task, 'STOPPED');
    }),
  );
}

/** The state once it is the same twice: what goes by itself has gone. */
async function settled({ settings, installation }: Instance, state: () => Promise<Holdings>): Promise<Holdings> {
  await poolIsFull({ settings, installation }, warmPool);
  const deadline = Date.now() + patience;
  let last = await state();
  for (;;) {
    await sleep(2000);
    const next = await state();
    const same = growthOf(last, next).every(({ before, after }) => before === after);
    if (same || Date.now() > deadline) return next;
    last = next;
  }
}

async function lastGrowth(before: Holdings, state: () => Promise<Holdings>, tasks: number): Promise<readonly Growth[]> {
  const deadline = Date.now() + patience;
  for (;;) {
    // Connections that are kept open come and go; one for each task would be a leak.
    const growth = growthOf(before, await state(), { 'open files': tasks / 5 });
    if (!growth.some(({ leaks: more }) => more) || Date.now() > deadline) return growth;
    await sleep(1000);
  }
}

function tableOf(growth: readonly Growth[], tasks: number): Table {
  return {
    title: `Leaks: what the instance holds before and after ${tasks} tasks of six kinds`,
    head: ['', 'before', 'after', ''],
    rows: growth.map(({ kind, before, after, leaks: more }) => [
      kind,
      String(before),
      String(after),
      more ? `LEAKS ${after - before}` : 'ok',
    ]),
    notes: [
      'Of this instance alone, its warm pool included. Keys that expire by themselves do not count; open files may vary',
      `by ${tasks / 5}, because connections are kept for a while.`,
    ],
  };
}
