/** How fast output reaches its log stream, against `docker logs -f` of the same container; what it takes on disk. */
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DescribeLogStreamsCommand,
  GetLogEventsCommand,
  type OutputLogEvent,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateClusterCommand,
  DescribeTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
} from '@aws-sdk/client-ecs';
import { loadOrCreateCredentials } from '../../api/credentials.ts';
import { Failure } from '../failure.ts';
import { prepareDocker } from './docker-peer.ts';
import { type Instance, startInstance } from './instance.ts';
import { memoryOf } from './process-facts.ts';
import type { Scenario } from './scenario.ts';
import { median, summarise } from './statistics.ts';
import { figure, type Table } from './table.ts';

const group = '/bench';
/** Streams that are open while memory is measured. */
const openStreams = 1000;

interface Flood {
  readonly linesPerSecond: number;
  readonly dockerLinesPerSecond: number;
}

export const logs: Scenario = async (context) => {
  const { quick, say, cleanup } = context;
  const peer = await prepareDocker(context);
  say('logs: starting an instance');
  const instance = await startInstance(context, {
    settings: { warmPool: 0, runtime: 'docker', workerMemory: 65_536 },
    worker: 'process',
  });
  const client = new CloudWatchLogsClient({
    endpoint: instance.endpoint,
    region: instance.settings.region,
    credentials: await loadOrCreateCredentials(instance.settings.dataDir, instance.settings.accountId),
  });
  cleanup.add(async () => client.destroy());
  await instance.client.send(new CreateClusterCommand({}));

  const lines = quick ? 20_000 : 200_000;
  const floods: Flood[] = [];
  for (let round = 0; round < (context.rounds ?? (quick ? 1 : 3)); round += 1) {
    say(`logs: ${lines} lines, round ${round + 1}`);
    floods.push(await flood(instance, client, peer.image, lines));
  }
  const disk = diskBytes(instance) / (floods.length * lines * lineOf(lines).length);
  say('logs: a line every 100 ms');
  const latencies = await trickle(instance, client, peer.image, quick ? 20 : 200);
  say(`logs: ${openStreams} streams`);
  const before = memoryOf(instance.processes.api).pss;
  await writeStreams(client);
  const after = memoryOf(instance.processes.api).pss;
  const data = { lines, floods, diskBytesPerByte: disk, latencies, apiMemory: { before, after } };
  return { tables: [tableOf(data)], data };
};

/** As a program writes them: 100 bytes each. */
function lineOf(number: number): string {
  return `2026-01-01T00:00:00Z INFO request handled path=/api/items status=200 duration=12ms trace=0af7 id=${String(number).padStart(9)}\n`;
}

async function flood(instance: Instance, client: CloudWatchLogsClient, image: string, lines: number): Promise<Flood> {
  const text = lineOf(0).split('id=')[0] ?? '';
  const script = `sleep 3; busybox seq -f '${text}id=%9g' 1 ${lines} 2>/dev/null || busybox awk 'BEGIN{for(i=1;i<=${lines};i++)printf "${text}id=%9d\\n",i}'; sleep 1`;
  const task = await run(instance, image, script, 'blocking');
  const dockerSeconds = await followWithDocker(instance, task);
  await until(instance, task, 'STOPPED');
  const events = await eventsOf(client, `bench/main/${task.split('/').at(-1)}`);
  if (events.length !== lines) throw new Failure(`${lines} lines were written, ${events.length} arrived.`);
  const times = events.map(({ ingestionTime = 0 }) => ingestionTime);
  const seconds = ((times.at(-1) ?? 0) - (events[0]?.timestamp ?? 0)) / 1000;
  return { linesPerSecond: lines / seconds, dockerLinesPerSecond: lines / dockerSeconds };
}

async function trickle(
  instance: Instance,
  client: CloudWatchLogsClient,
  image: string,
  lines: number,
): Promise<readonly number[]> {
  const script = `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo line $i; busybox usleep 100000; done`;
  const task = await run(instance, image, script, 'non-blocking');
  await until(instance, task, 'STOPPED');
  const events = await eventsOf(client, `bench/main/${task.split('/').at(-1)}`);
  return events.map(({ ingestionTime = 0, timestamp = 0 }) => ingestionTime - timestamp);
}

async function writeStreams(client: CloudWatchLogsClient): Promise<void> {
  await client.send(new CreateLogGroupCommand({ logGroupName: '/streams' }));
  const names = Array.from({ length: openStreams }, (_, index) => `stream-${index}`);
  for (let from = 0; from < names.length; from += 20)
    await Promise.all(
      names.slice(from, from + 20).map(async (logStreamName) => {
        await client.send(new CreateLogStreamCommand({ logGroupName: '/streams', logStreamName }));
        const logEvents = [{ timestamp: Date.now(), message: lineOf(from) }];
        await client.send(new PutLogEventsCommand({ logGroupName: '/streams', logStreamName, logEvents }));
      }),
    );
  await client.send(new DescribeLogStreamsCommand({ logGroupName: '/streams' }));
}

async function run({ client }: Instance, image: string, script: string, mode: string): Promise<string> {
  await client.send(
    new RegisterTaskDefinitionCommand({
      family: 'bench',
      cpu: '1024',
      memory: '2048',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      executionRoleArn: 'arn:aws:iam::000000000000:role/bench',
      containerDefinitions: [
        {
          name: 'main',
          image,
          essential: true,
          command: ['/bin/sh', '-c', script],
          logConfiguration: {
            logDriver: 'awslogs',
            options: {
              'awslogs-group': group,
              'awslogs-region': 'us-east-1',
              'awslogs-stream-prefix': 'bench',
              'awslogs-create-group': 'true',
              mode,
            },
          },
        },
      ],
    }),
  );
  const { tasks = [] } = await client.send(
    new RunTaskCommand({
      taskDefinition: 'bench',
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0123456789abcdef0'] } },
    }),
  );
  return tasks[0]?.taskArn ?? '';
}

async function until({ client }: Instance, task: string, status: string): Promise<void> {
  for (let waited = 0; waited < 6000; waited += 1) {
    const { tasks = [] } = await client.send(new DescribeTasksCommand({ tasks: [task] }));
    const last = tasks[0]?.lastStatus;
    if (last === status) return;
    if (last === 'STOPPED') throw new Failure(`The task ended: ${tasks[0]?.stoppedReason}`);
    await sleep(100);
  }
  throw new Failure(`The task was never ${status}.`);
}

/** Seconds from the first to the last line, as a reader of the same container gets them at the same time. */
async function followWithDocker(instance: Instance, task: string): Promise<number> {
  await until(instance, task, 'RUNNING');
  const filter = `label=com.amazonaws.ecs.task-arn=${task}`;
  const list = spawn('docker', [
    'ps',
    '-q',
    '--filter',
    filter,
    '--filter',
    'label=com.amazonaws.ecs.container-name=main',
  ]);
  let id = '';
  for await (const line of createInterface({ input: list.stdout })) id = line;
  const follow = spawn('docker', ['logs', '-f', id], { stdio: ['ignore', 'pipe', 'ignore'] });
  let first = 0;
  let last = 0;
  follow.stdout.on('data', () => {
    last = performance.now();
    first ||= last;
  });
  await new Promise((resolve) => follow.once('close', resolve));
  return (last - first) / 1000;
}

async function eventsOf(client: CloudWatchLogsClient, logStreamName: string): Promise<readonly OutputLogEvent[]> {
  const found: OutputLogEvent[] = [];
  for (let nextToken: string | undefined; ; ) {
    const { events = [], nextForwardToken } = await client.send(
      new GetLogEventsCommand({ logGroupName: group, logStreamName, startFromHead: true, nextToken }),
    );
    found.push(...events);
    if (nextForwardToken === nextToken) return found;
    nextToken = nextForwardToken;
  }
}

function diskBytes({ settings }: Instance): number {
  const folder = join(settings.dataDir, 'logs-store');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
}

function tableOf(data: {
  readonly lines: number;
  readonly floods: readonly Flood[];
  readonly diskBytesPerByte: number;
  readonly latencies: readonly number[];
  readonly apiMemory: { readonly before: number; readonly after: number };
}): Table {
  const { p50, p99, n } = summarise(data.latencies);
  const ours = median(data.floods.map(({ linesPerSecond }) => linesPerSecond));
  const docker = median(data.floods.map(({ dockerLinesPerSecond }) => dockerLinesPerSecond));
  const ratio = median(data.floods.map((each) => each.linesPerSecond / each.dockerLinesPerSecond));
  return {
    title: 'Logs: from a container to its log stream',
    head: ['', 'value'],
    rows: [
      ['lines per second, none lost', figure(ours)],
      ['lines per second of `docker logs -f`', figure(docker)],
      ['ratio', ratio.toFixed(2)],
      ['milliseconds from write to visible, p50', figure(p50)],
      ['milliseconds from write to visible, p99', figure(p99)],
      ['bytes on disk for each byte of output', figure(data.diskBytesPerByte)],
      [`API memory (PSS, MiB) before ${openStreams} streams`, figure(data.apiMemory.before)],
      [`API memory (PSS, MiB) with ${openStreams} streams`, figure(data.apiMemory.after)],
    ],
    notes: [
      `${data.floods.length} floods of ${data.lines} lines of ${lineOf(0).length} bytes; both readers at the same time.`,
      `n = ${n} lines, one each 100 ms, for the latencies.`,
    ],
  };
}
