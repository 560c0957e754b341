/** Pushes, pulls and lists of images, against Debian's docker-registry on the same disk where that is installed. */
import { CreateRepositoryCommand, DescribeImagesCommand, ECRClient, ListImagesCommand } from '@aws-sdk/client-ecr';
import { loadOrCreateCredentials } from '../../api/credentials.ts';
import { startInstance } from './instance.ts';
import { memoryOf } from './process-facts.ts';
import { createImage, type Registry, registryClient } from './registry-client.ts';
import { startDebianRegistry } from './registry-peer.ts';
import type { BenchContext, Scenario, ScenarioResult } from './scenario.ts';
import { median, ratioOfRounds, summarise } from './statistics.ts';
import { figure, type Table, verdict } from './table.ts';

const mib = 2 ** 20;
const pullers = 50;
const goal = { most: 1 };

export const registry: Scenario = async (context): Promise<ScenarioResult> => {
  const { quick, rounds = quick ? 1 : 3, say } = context;
  const instance = await startInstance(context, { settings: { runtime: 'fake' }, worker: 'none' });
  const credentials = await loadOrCreateCredentials(instance.settings.dataDir, instance.settings.accountId);
  const ecr = new ECRClient({ endpoint: instance.endpoint, region: instance.settings.region, credentials });
  try {
    const ours = await registryClient(instance.endpoint, ecr);
    const peer = await startDebianRegistry(context);
    const both = { ours, ...(peer && { theirs: peer }) };
    const pid = instance.processes.api;
    const transfer = await transfers(both, { pid, rounds, layers: 4, layerSize: (quick ? 16 : 256) * mib, say });
    const many = await manyPulls(both, { pid, rounds, size: (quick ? 4 : 32) * mib, say });
    const lists = await listings(ours, ecr, { counts: quick ? [10, 200] : [10, 10_000], calls: quick ? 20 : 200, say });
    return { tables: [transfer.table, many.table, lists.table], data: { transfer, many, lists } };
  } finally {
    ecr.destroy();
  }
};

interface Sides {
  readonly ours: Registry;
  readonly theirs?: Registry;
}

type Step = 'push' | 'pull';

async function transfers(
  { ours, theirs }: Sides,
  options: {
    readonly pid: number;
    readonly rounds: number;
    readonly layers: number;
    readonly layerSize: number;
    readonly say: BenchContext['say'];
  },
) {
  const { pid, rounds, layers, layerSize, say } = options;
  const seconds = { ours: { push: [], pull: [] }, theirs: { push: [], pull: [] } } as Record<
    keyof Sides,
    Record<Step, number[][]>
  >;
  const peak = watchMemory(pid);
  for (let round = 0; round < rounds; round += 1) {
    say(`registry: round ${round + 1} of ${rounds}`);
    // Who begins changes from round to round.
    const order = (['ours', 'theirs'] as const).filter((side) => side === 'ours' || theirs);
    for (const side of round % 2 === 0 ? order : [...order].reverse()) {
      const client = side === 'ours' ? ours : theirs;
      if (!client) continue;
      const image = createImage(`push-${side}-${round}`, layers, layerSize);
      seconds[side].push.push([await timed(async () => await client.push(image))]);
      seconds[side].pull.push([await timed(async () => await client.pull(image))]);
    }
  }
  const memory = peak.end();
  const size = (layers * layerSize) / mib;
  const row = (step: Step) => {
    const mine = median(seconds.ours[step].flat());
    const peer = median(seconds.theirs[step].flat());
    return [
      step,
      figure(size / mine),
      theirs ? figure(size / peer) : '-',
      theirs ? verdict(ratioOfRounds(seconds.ours[step], seconds.theirs[step]), goal) : '-',
    ];
  };
  const table: Table = {
    title: `An image of ${layers} layers of ${layerSize / mib} MiB, three at once`,
    head: ['', 'MiB/s', 'docker-registry MiB/s', 'time / its time'],
    rows: [row('push'), row('pull')],
    notes: [
      `Memory of the API process: ${figure(memory.before)} MiB before, at most ${figure(memory.most)} MiB meanwhile.`,
      ...(theirs ? [] : ['docker-registry is not installed: nothing to compare with.']),
    ],
  };
  return { table, seconds, memory };
}

async function manyPulls(
  { ours, theirs }: Sides,
  options: { readonly pid: number; readonly rounds: number; readonly size: number; readonly say: BenchContext['say'] },
) {
  const { pid, rounds, size, say } = options;
  say(`registry: ${pullers} pulls at once`);
  const image = createImage('many', 1, size);
  const seconds: { readonly ours: number[][]; readonly theirs: number[][] } = { ours: [], theirs: [] };
  const run = async (client: Registry) =>
    await timed(async () => {
      await Promise.all(Array.from({ length: pullers }, async () => await client.pull(image)));
    });
  for (const client of [ours, theirs]) await client?.push(image);
  const peak = watchMemory(pid);
  for (let round = 0; round < rounds; round += 1) {
    seconds.ours.push([await run(ours)]);
    if (theirs) seconds.theirs.push([await run(theirs)]);
  }
  const memory = peak.end();
  const total = (size / mib) * pullers;
  const table: Table = {
    title: `${pullers} pulls at once of one image of ${size / mib} MiB`,
    head: ['', 'MiB/s', 'docker-registry MiB/s', 'time / its time'],
    rows: [
      [
        'pull',
        figure(total / median(seconds.ours.flat())),
        theirs ? figure(total / median(seconds.theirs.flat())) : '-',
        theirs ? verdict(ratioOfRounds(seconds.ours, seconds.theirs), goal) : '-',
      ],
    ],
    notes: [`Memory of the API process: at most ${figure(memory.most)} MiB meanwhile.`],
  };
  return { table, seconds, memory };
}

async function listings(
  ours: Registry,
  ecr: ECRClient,
  options: { readonly counts: readonly number[]; readonly calls: number; readonly say: BenchContext['say'] },
) {
  const { counts, calls, say } = options;
  const results: { readonly images: number; readonly describe: number[]; readonly list: number[] }[] = [];
  for (const images of counts) {
    say(`registry: ${images} images`);
    const repositoryName = `listed-${images}`;
    await ecr.send(new CreateRepositoryCommand({ repositoryName }));
    await ours.fill(repositoryName, images);
    const time = async (call: () => Promise<unknown>) => {
      const taken: number[] = [];
      for (let index = 0; index < calls; index += 1) taken.push((await timed(call)) * 1000);
      return taken;
    };
    results.push({
      images,
      describe: await time(async () => await ecr.send(new DescribeImagesCommand({ repositoryName, maxResults: 10 }))),
      list: await time(async () => await ecr.send(new ListImagesCommand({ repositoryName, maxResults: 10 }))),
    });
  }
  const row = (name: string, images: number, taken: readonly number[]) => {
    const { p50, p95 } = summarise(taken);
    return [name, String(images), figure(p50), figure(p95)];
  };
  const table: Table = {
    title: 'A page of 10, through the SDK',
    head: ['', 'images', 'p50 ms', 'p95 ms'],
    rows: results.flatMap(({ images, describe, list }) => [
      row('DescribeImages', images, describe),
      row('ListImages', images, list),
    ]),
  };
  return { table, results };
}

/** @returns seconds */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function watchMemory(pid: number) {
  const before = memoryOf(pid).rss;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, memoryOf(pid).rss);
  }, 100);
  return {
    end: () => {
      clearInterval(timer);
      return { before, most: Math.max(most, memoryOf(pid).rss) };
    },
  };
}
