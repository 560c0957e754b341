/** A task whose three containers wait for each other to be HEALTHY, against the same chain made with the docker CLI. */
import { CreateClusterCommand, RegisterTaskDefinitionCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { type DockerPeer, prepareDocker, sleepCommand } from './docker-peer.ts';
import { startInstance } from './instance.ts';
import { poolIsFull, runTask } from './launch-side.ts';
import type { BenchContext, Scenario } from './scenario.ts';
import { percentile, ratioOfRounds } from './statistics.ts';
import { watchStatus } from './status-watch.ts';
import { figure, type Table, verdict } from './table.ts';

const names = ['first', 'second', 'third'] as const;
/** Seconds between checks: ECS allows no less. The first comes so long after a container's start. */
const interval = 5;
/** Milliseconds that the containers take themselves: the last one's health is not waited for. */
const ownTime = (names.length - 1) * interval * 1000;
const warmPool = 4;

interface Side {
  readonly name: string;
  /** Runs one chain. Resolves with the milliseconds until its last container runs. */
  run(): Promise<number>;
  /** Removes what ran, and makes ready for the next. */
  settle(): Promise<void>;
}

export const chain: Scenario = async (context) => {
  const { quick, say } = context;
  const rounds = context.rounds ?? (quick ? 1 : 5);
  const atOnce = quick ? 1 : 3;
  const peer = await prepareDocker(context);
  const sides = [dockerSide(context, peer), await longshoreSide(context, peer.image)];
  const measured = sides.map((side) => ({ side, rounds: [] as number[][] }));
  for (let round = 0; round < rounds; round += 1) {
    say(`chain: round ${round + 1} of ${rounds}`);
    for (const each of round % 2 === 0 ? measured : [...measured].reverse()) {
      each.rounds.push(await Promise.all(Array.from({ length: atOnce }, async () => await each.side.run())));
      await each.side.settle();
    }
  }
  return {
    tables: [tableOf(measured, atOnce)],
    data: measured.map(({ side, rounds: milliseconds }) => ({ side: side.name, ownTime, rounds: milliseconds })),
  };
};

async function longshoreSide(context: BenchContext, image: string): Promise<Side> {
  const instance = await startInstance(context, {
    settings: { warmPool, runtime: 'docker', workerMemory: 65_536 },
    worker: 'process',
  });
  await instance.client.send(new CreateClusterCommand({}));
  await instance.client.send(
    new RegisterTaskDefinitionCommand({
      family: 'chain',
      cpu: '256',
      memory: '512',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      containerDefinitions: names.map((name, index) => ({
        name,
        image,
        command: [...sleepCommand],
        healthCheck: { command: ['CMD-SHELL', 'exit 0'], interval, timeout: 5, retries: 3 },
        ...(index > 0 && { dependsOn: [{ containerName: names[index - 1], condition: 'HEALTHY' as const }] }),
      })),
    }),
  );
  const watch = await watchStatus(instance.connect(), instance.settings.redisPrefix);
  await poolIsFull(instance, warmPool);
  const ran: string[] = [];
  return {
    name: `Longshore, pool of ${warmPool}`,
    async run() {
      const begun = performance.now();
      const task = await runTask(instance, 'chain');
      ran.push(task);
      return (await watch.reached(task, 'RUNNING')) - begun;
    },
    async settle() {
      await Promise.all(
        ran.splice(0).map(async (task) => {
          await instance.client.send(new StopTaskCommand({ task }));
          await watch.reached(task, 'STOPPED');
        }),
      );
      await poolIsFull(instance, warmPool);
    },
  };
}

/** Three `docker run -d` one after another, each as soon as the engine tells that the one before is healthy. */
function dockerSide(context: BenchContext, peer: DockerPeer): Side {
  const health = peer.watchHealth();
  context.cleanup.add(async () => health.close());
  const ran: string[] = [];
  return {
    name: 'docker run -d',
    async run() {
      const begun = performance.now();
      for (const [index] of names.entries()) {
        const id = await peer.run('--health-cmd', 'exit 0', '--health-interval', `${interval}s`);
        ran.push(id);
        if (index < names.length - 1) await health.healthy(id);
      }
      return performance.now() - begun;
    },
    settle: async () => await peer.remove(ran.splice(0)),
  };
}

function tableOf(
  measured: readonly { readonly side: Side; readonly rounds: readonly number[][] }[],
  atOnce: number,
): Table {
  const overheads = measured.map(({ rounds }) => rounds.map((round) => round.map((each) => each - ownTime)));
  const theirs = overheads[0] ?? [];
  return {
    title: 'HEALTHY chain of three containers: milliseconds from the request to the last container running',
    head: ['', 'n', 'p50', 'beyond own time: p50', 'p95', 'p50 / docker run -d'],
    rows: measured.map(({ side, rounds }, index) => {
      const ours = overheads[index] ?? [];
      return [
        side.name,
        String(rounds.flat().length),
        figure(percentile(rounds.flat(), 50)),
        figure(percentile(ours.flat(), 50)),
        figure(percentile(ours.flat(), 95)),
        index === 0 ? '1' : verdict(ratioOfRounds(ours, theirs), { most: 1 }),
      ];
    }),
    notes: [
      `${atOnce} at once. The containers' own time is ${ownTime} ms: twice the ${interval} seconds to the first check, which passes.`,
    ],
  };
}
