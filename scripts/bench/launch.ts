/** From the RunTask call to the task RUNNING, against `docker run -d` of the same image and limits in the same rounds. */
import { prepareDocker } from './docker-peer.ts';
import { dockerSide, type LaunchSide, longshoreSides, type Phases } from './launch-side.ts';
import type { Scenario } from './scenario.ts';
import { median, percentile, ratioOfRounds, summarise } from './statistics.ts';
import { figure, type Table, verdict } from './table.ts';

interface Batch {
  /** Milliseconds of each launch. */
  readonly latencies: readonly number[];
  /** Launches per second over the batch. */
  readonly rate: number;
  /** Launches per second after the first `pool` of them. */
  readonly restRate: number;
  readonly phases: readonly Phases[];
}

interface Cell {
  readonly side: LaunchSide;
  readonly atOnce: number;
  readonly launches: number;
  readonly rounds: Batch[];
}

const warmPool = 10;

export const launch: Scenario = async (context) => {
  const { quick, say } = context;
  const rounds = context.rounds ?? (quick ? 2 : 5);
  const launches = quick ? 4 : 8;
  const concurrencies = quick ? [1, 4] : [1, 2, 4, 8];
  const peer = await prepareDocker(context);
  say('launch: starting two instances, with and without a warm pool');
  const docker = dockerSide(peer);
  const warm = await longshoreSides(context, { name: `pool of ${warmPool}`, warmPool, image: peer.image });
  const cold = await longshoreSides(context, { name: 'no pool', warmPool: 0, image: peer.image });

  const cell = (side: LaunchSide, atOnce: number, count: number): Cell => ({
    side,
    atOnce,
    launches: count,
    rounds: [],
  });
  const grid = concurrencies.flatMap((atOnce) =>
    [docker, warm.one, cold.one].map((side) => cell(side, atOnce, launches)),
  );
  const pairs = [cell(docker, 1, launches / 2), cell(warm.two, 1, launches / 2), cell(cold.two, 1, launches / 2)];
  const most = Math.max(...concurrencies);
  const sustained = cell(warm.one, most, warmPool + launches * 2);

  for (const side of [docker, warm.one, warm.two, cold.one, cold.two]) await runBatch(cell(side, 2, 2));
  for (let round = 0; round < rounds; round += 1) {
    say(`launch: round ${round + 1} of ${rounds}`);
    for (const group of [...groupsOf(grid), pairs, [sustained]])
      for (const next of rotate(group, round)) next.rounds.push(await runBatch(next));
  }
  const cells = [...grid, ...pairs, sustained];
  return {
    tables: [latencyTable(grid, pairs), phaseTable([...grid, ...pairs]), rateTable(grid, sustained, concurrencies)],
    data: cells.map(({ side, atOnce, launches: count, rounds: batches }) => ({
      side: side.name,
      atOnce,
      launches: count,
      rounds: batches,
    })),
  };
};

/** Launches with `atOnce` under way; afterwards everything is as before. */
async function runBatch({ side, atOnce, launches }: Cell): Promise<Batch> {
  const latencies: number[] = [];
  const ends: number[] = [];
  let begun = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (begun < launches) {
        begun += 1;
        const sent = performance.now();
        const end = await side.launch();
        latencies.push(end - sent);
        ends.push(end);
      }
    }),
  );
  const phases = await side.settle();
  const sorted = ends.sort((a, b) => a - b);
  const perSecond = (count: number, from: number) => (count / ((sorted.at(-1) ?? 0) - from)) * 1000;
  return {
    latencies,
    rate: perSecond(launches, start),
    restRate: perSecond(launches - warmPool, sorted[warmPool - 1] ?? Number.NaN),
    phases,
  };
}

/** Cells that are compared follow each other. */
function groupsOf(grid: readonly Cell[]): readonly (readonly Cell[])[] {
  const concurrencies = [...new Set(grid.map(({ atOnce }) => atOnce))];
  return concurrencies.map((concurrency) => grid.filter(({ atOnce }) => atOnce === concurrency));
}

/** So that nobody is always the first. */
function rotate<T>(items: readonly T[], by: number): readonly T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

const goals: Readonly<Record<string, number>> = {
  'warm 1': 0.5,
  'warm 2': 0.9,
  'cold 1': 1.25,
  'cold 2': 1.4,
};

function latencyTable(grid: readonly Cell[], pairs: readonly Cell[]): Table {
  const rows = [...groupsOf(grid), pairs].flatMap((group) => {
    const theirs = group[0]?.rounds.map(({ latencies }) => latencies) ?? [];
    return group.map(({ side, atOnce, rounds }, index) => {
      const ours = rounds.map(({ latencies }) => latencies);
      const { n, p50, p95, p99 } = summarise(ours.flat());
      const ratio = ratioOfRounds(ours, theirs);
      const goal = goals[`${index === 1 ? 'warm' : 'cold'} ${group === pairs ? 2 : 1}`];
      const told = atOnce === 1 && goal !== undefined ? verdict(ratio, { most: goal }) : ratio.toFixed(2);
      return [side.name, String(atOnce), String(n), ...[p50, p95, p99].map(figure), index === 0 ? '1' : told];
    });
  });
  return {
    title: 'Launch: RunTask call to task RUNNING, milliseconds',
    head: ['', 'at once', 'n', 'p50', 'p95', 'p99', 'p50 / docker run -d'],
    rows,
    notes: ['0.25 vCPU, 512 MiB, one local image; ratios are medians over the rounds, in which the sides alternate.'],
  };
}

function phaseTable(cells: readonly Cell[]): Table {
  const told = cells.map((cell) => ({ ...cell, phases: cell.rounds.flatMap(({ phases }) => phases) }));
  return {
    title: 'Where launches spend their time, p50 in milliseconds, as DescribeTasks tells',
    head: ['', 'at once', 'n', 'network', 'pull', 'containers'],
    rows: told
      .filter(({ phases }) => phases.length > 0)
      .map(({ side, atOnce, phases }) => [
        side.name,
        String(atOnce),
        String(phases.length),
        ...(['network', 'pull', 'containers'] as const).map((phase) =>
          figure(median(phases.map((one) => one[phase]).filter(Number.isFinite))),
        ),
      ]),
  };
}

function rateTable(grid: readonly Cell[], sustained: Cell, concurrencies: readonly number[]): Table {
  const sides = [...new Set(grid.map(({ side }) => side))];
  const best = (side: LaunchSide, round: number) =>
    Math.max(...grid.filter((cell) => cell.side === side).map(({ rounds }) => rounds[round]?.rate ?? Number.NaN));
  const docker = sides[0] as LaunchSide;
  const roundNumbers = sustained.rounds.map((_, round) => round);
  const rows = sides.map((side, index) => {
    const rates = concurrencies.map((atOnce) => {
      const cell = grid.find((one) => one.side === side && one.atOnce === atOnce);
      return figure(median(cell?.rounds.map(({ rate }) => rate) ?? []));
    });
    const ratio = median(roundNumbers.map((round) => best(side, round) / best(docker, round)));
    return [side.name, ...rates, index === 0 ? '1' : index === 1 ? verdict(ratio, { least: 2 }) : ratio.toFixed(2)];
  });
  const rest = sustained.rounds.map(({ restRate }) => restRate);
  const ratio = median(rest.map((rate, round) => rate / best(docker, round)));
  const dashes = concurrencies.map((atOnce) => (atOnce === sustained.atOnce ? figure(percentile(rest, 50)) : ''));
  return {
    title: 'Launches per second',
    head: ['', ...concurrencies.map((atOnce) => `${atOnce} at once`), 'best / best docker run -d'],
    rows: [...rows, ['Longshore, after its pool is used up', ...dashes, verdict(ratio, { least: 1.2 })]],
  };
}
