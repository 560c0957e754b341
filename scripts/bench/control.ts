/** The control plane alone: from RunTask to RUNNING through API, queue and workers, with no containers in it. */
import { CreateClusterCommand, RegisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { taskDefinition } from './api-stage.ts';
import { type Instance, startInstance } from './instance.ts';
import { applyLoad } from './load.ts';
import { cpuSeconds } from './process-facts.ts';
import type { Scenario } from './scenario.ts';
import { signedRequest } from './signed-request.ts';
import { median, type Summary, summarise } from './statistics.ts';
import { type StatusWatch, watchStatus } from './status-watch.ts';
import { figure, type Table, verdict } from './table.ts';

/** Tasks of one RunTask call: the most that ECS allows. */
const perCall = 10;
const connections = 8;

interface Round {
  /** From the first call to the last task RUNNING. */
  readonly tasksPerSecond: number;
  /** From the first call to the last answer. */
  readonly acceptedPerSecond: number;
  /** Milliseconds of processor time per task. */
  readonly cpu: Readonly<Record<Part, number>>;
  /** Milliseconds from one call for one task to RUNNING, with nothing else under way. */
  readonly alone: Summary;
}

type Part = 'api' | 'worker' | 'redis' | 'bench';
const parts: readonly Part[] = ['api', 'worker', 'redis', 'bench'];

export const control: Scenario = async (context) => {
  const { quick, say } = context;
  const rounds = context.rounds ?? (quick ? 1 : 5);
  const tasks = quick ? 500 : 5_000;
  const results = (quick ? [1, 10] : [1, 10, 1_000]).map((workers) => ({ workers, rounds: [] as Round[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const { workers, rounds: measured } of results) {
      say(`control: round ${round + 1} of ${rounds}, simulated workers: ${workers}`);
      const instance = await startInstance(context, {
        settings: {
          runtime: 'fake',
          warmPool: 0,
          workerCpu: 1_000_000_000,
          workerMemory: 1_000_000_000,
          // Nothing is bound to these addresses. Each worker leases enough for all tasks.
          network: '10.0.0.0/8',
          networkPrefix: 18,
          launchConcurrency: 100,
        },
        worker: { simulated: workers },
      });
      measured.push(await measure(instance, tasks, quick ? 20 : 100));
      await instance.close();
    }
  }
  return { tables: [tableOf(results)], data: results };
};

async function measure(instance: Instance, tasks: number, alone: number): Promise<Round> {
  const watch = await watchStatus(instance.connect(), instance.settings.redisPrefix);
  const { client } = instance;
  await client.send(new CreateClusterCommand({}));
  await client.send(new RegisterTaskDefinitionCommand(JSON.parse(JSON.stringify(taskDefinition))));
  try {
    await run(instance, watch, Math.max(500, tasks / 5));
    const before = cpuOf(instance);
    const { accepted, all } = await run(instance, watch, tasks);
    const after = cpuOf(instance);
    const perTask = (part: Part) => [part, ((after[part] - before[part]) / tasks) * 1000] as const;
    return {
      tasksPerSecond: tasks / all,
      acceptedPerSecond: tasks / accepted,
      cpu: Object.fromEntries(parts.map(perTask)) as Record<Part, number>,
      alone: summarise(await oneByOne(instance, watch, alone)),
    };
  } finally {
    watch.close();
  }
}

/** @returns seconds until all calls were answered, and until all tasks were RUNNING */
async function run({ endpoint, signer }: Instance, watch: StatusWatch, tasks: number) {
  const request = signedRequest(signer, 'RunTask', inputOf(perCall));
  const start = performance.now();
  const finished = watch.countedTo(watch.running + tasks);
  const { seconds } = await applyLoad({
    endpoint,
    connections,
    requests: tasks / perCall,
    next: () => request,
    onAnswer: (body) => taskIds(body, perCall),
  });
  return { accepted: seconds, all: ((await finished) - start) / 1000 };
}

async function oneByOne({ endpoint, signer }: Instance, watch: StatusWatch, tasks: number): Promise<readonly number[]> {
  const request = signedRequest(signer, 'RunTask', inputOf(1));
  const latencies: number[] = [];
  for (let task = 0; task < tasks; task += 1) {
    const answers: { readonly id: string; readonly sentAt: number }[] = [];
    await applyLoad({
      endpoint,
      connections: 1,
      requests: 1,
      next: () => request,
      onAnswer: (body, sentAt) => answers.push({ id: taskIds(body, 1)[0] ?? '', sentAt }),
    });
    for (const { id, sentAt } of answers) latencies.push((await watch.reached(id, 'RUNNING')) - sentAt);
  }
  return latencies;
}

function inputOf(count: number): object {
  return {
    taskDefinition: 'bench:1',
    count,
    launchType: 'FARGATE',
    networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0123456789abcdef0'] } },
  };
}

/** @throws Error when fewer tasks were placed than were asked for */
function taskIds(body: Buffer, count: number): readonly string[] {
  const { tasks, failures } = JSON.parse(String(body)) as { tasks: { taskArn: string }[]; failures: unknown };
  if (tasks.length !== count)
    throw new Error(`RunTask placed ${tasks.length} of ${count}: ${JSON.stringify(failures)}`);
  return tasks.map(({ taskArn }) => taskArn.split('/').at(-1) ?? '');
}

function cpuOf({ processes }: Instance): Record<Part, number> {
  return {
    api: cpuSeconds(processes.api),
    worker: cpuSeconds(processes.worker ?? 0),
    redis: cpuSeconds(processes.redis),
    bench: cpuSeconds(process.pid),
  };
}

function tableOf(results: readonly { readonly workers: number; readonly rounds: readonly Round[] }[]): Table {
  const of = (rounds: readonly Round[], value: (round: Round) => number) => median(rounds.map(value));
  return {
    title: 'Control plane alone (no containers): RunTask to RUNNING with simulated workers',
    head: [
      'workers',
      'rounds',
      'tasks/s',
      'goal',
      'accepted/s',
      ...parts.map((part) => `${part} ms/task`),
      'one task alone: p50 ms',
      'p95',
    ],
    rows: results.map(({ workers, rounds }) => {
      const rate = of(rounds, ({ tasksPerSecond }) => tasksPerSecond);
      return [
        String(workers),
        String(rounds.length),
        figure(rate),
        verdict(rate, { least: 1000 }),
        figure(of(rounds, ({ acceptedPerSecond }) => acceptedPerSecond)),
        ...parts.map((part) => figure(of(rounds, ({ cpu }) => cpu[part]))),
        figure(of(rounds, ({ alone }) => alone.p50)),
        figure(of(rounds, ({ alone }) => alone.p95)),
      ];
    }),
    notes: [
      `${perCall} tasks a call over ${connections} connections; ms/task is processor time. All simulated workers run in one process.`,
      'Redis has every write on disk before it answers.',
    ],
  };
}
