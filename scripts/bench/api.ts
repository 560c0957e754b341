/** What API calls cost, with little and with much stored. */
import { type ApiStage, runTaskInput, startApiStage, taskDefinition } from './api-stage.ts';
import { applyLoad } from './load.ts';
import type { Scenario } from './scenario.ts';
import { signedRequest } from './signed-request.ts';
import { median, ratioOfRounds, summarise } from './statistics.ts';
import { figure, type Table, verdict } from './table.ts';

interface Call {
  readonly name: string;
  readonly operation: string;
  input(stage: ApiStage): object;
  /** Leaves tasks behind that are to be forgotten. */
  readonly startsTasks?: boolean;
}

const calls: readonly Call[] = [
  { name: 'RunTask', operation: 'RunTask', input: () => runTaskInput, startsTasks: true },
  {
    name: 'DescribeTasks of 10',
    operation: 'DescribeTasks',
    input: ({ running }) => ({ tasks: running.slice(0, 10) }),
  },
  { name: 'ListTasks, page of 100', operation: 'ListTasks', input: () => ({ maxResults: 100 }) },
  { name: 'RegisterTaskDefinition', operation: 'RegisterTaskDefinition', input: () => taskDefinition },
];

/** What the calls answer with: a page of a hundred cannot be had with nothing stored. */
const least = 100;

interface Cell {
  readonly call: Call;
  readonly connections: number;
  readonly stage: ApiStage;
  readonly rounds: { readonly latencies: readonly number[]; readonly rate: number }[];
}

export const api: Scenario = async (context) => {
  const { quick, say } = context;
  const rounds = context.rounds ?? (quick ? 2 : 7);
  const seconds = quick ? 0.3 : 1;
  const sizes = quick ? [least, 1_000] : [least, 1_000, 100_000];
  const stages: ApiStage[] = [];
  for (const size of sizes) {
    say(`api: an API with ${size} tasks stored`);
    stages.push(await startApiStage(context, size, least));
  }
  const cells = calls.flatMap((call) =>
    [1, 16].flatMap((connections) => stages.map((stage): Cell => ({ call, connections, stage, rounds: [] }))),
  );
  for (const cell of cells) await measure(cell, quick ? 0.1 : 0.5);
  for (let round = 0; round < rounds; round += 1) {
    say(`api: round ${round + 1} of ${rounds}`);
    // Stages follow each other, every other round in the other direction.
    const order = round % 2 === 0 ? cells : [...cells].reverse();
    for (const cell of order) cell.rounds.push(await measure(cell, seconds));
  }
  for (const { instance } of stages) await instance.close();
  return {
    tables: [tableOf(cells, stages)],
    data: cells.map(({ call, connections, stage, rounds: measured }) => ({
      call: call.name,
      connections,
      stored: stage.stored,
      requestsPerSecond: median(measured.map(({ rate }) => rate)),
      ...summarise(measured.flatMap(({ latencies }) => latencies)),
      rounds: measured.map(({ latencies, rate }) => ({ rate, ...summarise(latencies) })),
    })),
  };
};

async function measure({ call, connections, stage }: Cell, seconds: number) {
  const { endpoint, signer } = stage.instance;
  const request = signedRequest(signer, call.operation, call.input(stage));
  const answers: Buffer[] = [];
  const onAnswer = (body: Buffer) => {
    if (call.startsTasks) answers.push(body);
  };
  const result = await applyLoad({ endpoint, connections, seconds, next: () => request, onAnswer });
  if (call.startsTasks) await stage.forget(answers.map(taskIdOf));
  return { latencies: result.latencies, rate: result.latencies.length / result.seconds };
}

function taskIdOf(body: Buffer): string {
  const { tasks, failures } = JSON.parse(String(body)) as { tasks: { taskArn: string }[]; failures: unknown };
  const id = tasks[0]?.taskArn.split('/').at(-1);
  if (id === undefined) throw new Error(`RunTask placed nothing: ${JSON.stringify(failures)}`);
  return id;
}

function tableOf(cells: readonly Cell[], stages: readonly ApiStage[]): Table {
  const groups = calls.flatMap((call) =>
    [1, 16].map((connections) => cells.filter((cell) => cell.call === call && cell.connections === connections)),
  );
  return {
    title: 'API: requests per second, p50 and p99 in milliseconds, by tasks stored',
    head: [
      '',
      'connections',
      ...stages.flatMap(({ stored }) => [`${stored}: req/s`, 'p50', 'p99']),
      `p50 at ${stages.at(-1)?.stored} / at ${least}`,
    ],
    rows: groups.map((group) => {
      const figures = group.flatMap(({ rounds }) => {
        const { p50, p99 } = summarise(rounds.flatMap(({ latencies }) => latencies));
        return [figure(median(rounds.map(({ rate }) => rate))), figure(p50), figure(p99)];
      });
      const latencies = (cell: Cell | undefined) => cell?.rounds.map((round) => round.latencies) ?? [];
      const ratio = ratioOfRounds(latencies(group.at(-1)), latencies(group[0]));
      return [group[0]?.call.name ?? '', String(group[0]?.connections), ...figures, verdict(ratio, { most: 1.2 })];
    }),
    notes: [
      `At least ${least} tasks are stored, because that many are listed. RunTask is measured up to its answer: no worker runs the task.`,
      'Load generator, API and Redis (every write on disk before its answer) share the machine.',
    ],
  };
}
