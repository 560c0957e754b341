/** How long a key takes to come back from a terminal in a container, against `docker exec -it` in the same rounds. */
import {
  CreateClusterCommand,
  DescribeTasksCommand,
  ExecuteCommandCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
} from '@aws-sdk/client-ecs';
import { askEngine } from '../engine.ts';
import { prepareDocker, sleepCommand } from './docker-peer.ts';
import { dockerTerminal, sessionTerminal, type Terminal } from './exec-terminal.ts';
import { type Instance, startInstance } from './instance.ts';
import type { Scenario } from './scenario.ts';
import { ratioOfRounds, summarise } from './statistics.ts';
import { figure, type Table, verdict } from './table.ts';

interface Side {
  readonly name: string;
  readonly terminal: Terminal;
  /** Milliseconds from a key to its echo, by round. */
  readonly rounds: number[][];
}

export const exec: Scenario = async (context) => {
  const { quick, say, cleanup } = context;
  const rounds = context.rounds ?? (quick ? 2 : 10);
  const keys = quick ? 20 : 100;
  const peer = await prepareDocker(context);
  say('exec: starting an instance and a task');
  const instance = await startInstance(context, {
    settings: { warmPool: 0, runtime: 'docker', workerMemory: 65_536 },
    worker: 'process',
  });
  const task = await runTask(instance, peer.image);
  const terminals = [
    await dockerTerminal(await containerOf(instance)),
    await sessionTerminal(async () => {
      const { session } = await instance.client.send(
        new ExecuteCommandCommand({ task, command: '/bin/sh', interactive: true }),
      );
      if (!session) throw new Error('ExecuteCommand answered no session.');
      return session;
    }),
  ] as const;
  for (const terminal of terminals) cleanup.add(async () => terminal.close());
  const sides: readonly [Side, Side] = [
    { name: 'docker exec -it', terminal: terminals[0], rounds: [] },
    { name: 'ECS Exec', terminal: terminals[1], rounds: [] },
  ];
  for (const { terminal } of sides) await typeKeys(terminal, 10);
  for (let round = 0; round < rounds; round += 1) {
    say(`exec: round ${round + 1} of ${rounds}`);
    for (const side of round % 2 === 0 ? sides : [...sides].reverse())
      side.rounds.push(await typeKeys(side.terminal, keys));
  }
  return {
    tables: [tableOf(sides)],
    data: sides.map(({ name, rounds: measured }) => ({ side: name, rounds: measured })),
  };
};

async function typeKeys(terminal: Terminal, count: number): Promise<number[]> {
  const latencies: number[] = [];
  for (let key = 0; key < count; key += 1) latencies.push(await terminal.echo());
  return latencies;
}

async function runTask({ client }: Instance, image: string): Promise<string> {
  await client.send(new CreateClusterCommand({}));
  await client.send(
    new RegisterTaskDefinitionCommand({
      family: 'bench',
      cpu: '256',
      memory: '512',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      taskRoleArn: 'arn:aws:iam::000000000000:role/bench',
      containerDefinitions: [{ name: 'main', image, essential: true, command: [...sleepCommand] }],
    }),
  );
  const { tasks = [] } = await client.send(
    new RunTaskCommand({
      taskDefinition: 'bench',
      launchType: 'FARGATE',
      enableExecuteCommand: true,
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0123456789abcdef0'] } },
    }),
  );
  const task = tasks[0]?.taskArn ?? '';
  for (let waited = 0; waited < 1200; waited += 1) {
    const { tasks: described = [] } = await client.send(new DescribeTasksCommand({ tasks: [task] }));
    if (described[0]?.lastStatus === 'RUNNING') return task;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('The task did not run within a minute.');
}

/** The same container for both sides. */
async function containerOf({ settings, installation }: Instance): Promise<string> {
  const filters = encodeURIComponent(
    JSON.stringify({ label: [`longshore=${installation}`, 'longshore.container=main'] }),
  );
  const found = await askEngine(settings.dockerHost, `/containers/json?filters=${filters}`);
  const id = (Object.values(found)[0] as { readonly Id?: string } | undefined)?.Id;
  if (id === undefined) throw new Error("The task's container was not found.");
  return id;
}

function tableOf([docker, ours]: readonly [Side, Side]): Table {
  const ratio = ratioOfRounds(ours.rounds, docker.rounds);
  return {
    title: 'ECS Exec: from a key to its echo, milliseconds',
    head: ['', 'n', 'p50', 'p95', 'p99', 'p50 / docker exec -it'],
    rows: [docker, ours].map(({ name, rounds }) => {
      const { n, p50, p95, p99 } = summarise(rounds.flat());
      return [name, String(n), ...[p50, p95, p99].map(figure), name === ours.name ? verdict(ratio, { most: 3 }) : '1'];
    }),
    notes: ['One terminal each in the same container, one key at a time; the sides alternate.'],
  };
}
