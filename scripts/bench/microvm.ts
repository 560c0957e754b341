/** Tasks in virtual machines against tasks in containers, in the same rounds on the same host. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateClusterCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import type { Settings } from '../../core/settings.ts';
import { chooseAcceleration } from '../../runtime/microvm/acceleration.ts';
import { prepareGuest } from '../../runtime/microvm/guest.ts';
import { machineName, processesOf } from '../../runtime/microvm/processes.ts';
import { openQemu } from '../../runtime/microvm/qemu.ts';
import { sizeFor } from '../../runtime/microvm/sandbox.ts';
import { type BootTimes, bootAndSave } from '../../runtime/microvm/snapshot.ts';
import { Failure } from '../failure.ts';
import { readInstallationId } from '../instance.ts';
import { missingForMachines } from '../system-packages.ts';
import { type DockerPeer, prepareDocker } from './docker-peer.ts';
import { type Instance, startInstance } from './instance.ts';
import { type Phases, phasesOf, poolIsFull, register, runTask } from './launch-side.ts';
import { addressOf, importLargeImage, networkCommand, throughput } from './microvm-parts.ts';
import { cpuSeconds, memoryOf } from './process-facts.ts';
import type { BenchContext, Scenario } from './scenario.ts';
import { median, summarise } from './statistics.ts';
import { watchStatus } from './status-watch.ts';
import { figure, type Table } from './table.ts';

/** The size of the tasks: a quarter of a processor and 512 MiB. */
const size = sizeFor({ cpus: 0.25, memory: 512 * 2 ** 20 });
const image100 = 100;

interface Side {
  readonly name: string;
  /** Makes everything as this way of starting finds it. */
  prepare(): Promise<void>;
  launch(): Promise<{ readonly milliseconds: number; readonly phases: Phases }>;
  readonly launches: { readonly milliseconds: number; readonly phases: Phases }[];
}

export const microvm: Scenario = async (context) => {
  const { quick, say } = context;
  checkHost();
  const rounds = context.rounds ?? (quick ? 2 : 10);
  const peer = await prepareDocker(context);
  const cache = await ownCache(context);
  say('microvm: booting machines');
  const guest = await prepareGuest(cache);
  const acceleration = await chooseAcceleration(guest);
  const vmm = await openQemu({ guest, acceleration });
  const boots: BootTimes[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const folder = join(cache, `boot-${round}`);
    boots.push(await bootAndSave(vmm, size, { folder, patience: 300_000 }));
    rmSync(folder, { recursive: true, force: true });
  }

  say('microvm: starting instances');
  const machines = (warmPool: number) => ({ warmPool, runtime: 'microvm', microvmCache: cache }) as const;
  const docker = await ready(context, peer, { warmPool: 0, runtime: 'docker' });
  const dockerPool = await ready(context, peer, { warmPool: 1, runtime: 'docker' });
  const clones = await ready(context, peer, machines(0));
  const pool = await ready(context, peer, machines(1));
  const nothing = async () => {};
  const sides: readonly Side[] = [
    side('container, no pool', docker, nothing),
    side('container, pool', dockerPool, async () => await poolIsFull(dockerPool.instance, 1)),
    side('machine, cold: no snapshot yet', clones, async () => rmSnapshots(cache)),
    side('machine, from the snapshot', clones, nothing),
    side('machine, pool', pool, async () => void (await idleMachine(pool.instance))),
  ];
  // Each image is converted, each snapshot made.
  for (const one of [docker, dockerPool, clones, pool]) await one.launch();
  for (let round = 0; round < rounds; round += 1) {
    say(`microvm: round ${round + 1} of ${rounds}`);
    for (const one of sides) {
      await one.prepare();
      one.launches.push(await one.launch());
    }
  }
  const memory = memoryOf(await idleMachine(pool.instance));

  say('microvm: converting an image, and network');
  const large = await importLargeImage(context, image100);
  await register(clones.instance, 'large', 1, large);
  const conversion = (await clones.launch('large')).phases.pull;
  const seconds = quick ? 2 : 5;
  const network = { container: await throughputOf(docker, seconds), machine: await throughputOf(clones, seconds) };
  const data = { acceleration, boots, launches: sides.map(({ name, launches }) => ({ name, launches })) };
  return {
    tables: [
      launchTable(sides, acceleration),
      bootTable(boots, acceleration),
      otherTable({ memory, conversion, network }),
    ],
    data: { ...data, memory, conversion, network },
  };
};

function checkHost(): void {
  if (process.geteuid?.() !== 0) throw new Failure('The benchmark of virtual machines needs root.');
  const missing = missingForMachines();
  if (missing) throw new Failure(`The benchmark of virtual machines needs ${missing.packages.join(', ')}.`);
}

/** Of this run, so that snapshots can be removed; only the kernel is taken from where it is already. */
async function ownCache({ cleanup }: BenchContext): Promise<string> {
  const cache = mkdtempSync(join(tmpdir(), 'longshore-bench-machines-'));
  cleanup.add(async () => rmSync(cache, { recursive: true, force: true }));
  const kernels = join(process.env.LONGSHORE_MICROVM_CACHE || '/var/cache/longshore', 'kernels');
  if (existsSync(kernels)) cpSync(kernels, join(cache, 'kernels'), { recursive: true });
  mkdirSync(join(cache, 'snapshots'), { recursive: true });
  return cache;
}

function rmSnapshots(cache: string): void {
  for (const name of readdirSync(join(cache, 'snapshots')))
    rmSync(join(cache, 'snapshots', name), { recursive: true, force: true });
}

interface Ready {
  readonly instance: Instance;
  /** Launches a task, stops it, and waits until that is over. */
  launch(family?: string): ReturnType<Side['launch']>;
  /** Runs it until `during` is over. */
  run(family: string, during: (task: string) => Promise<void>): Promise<void>;
}

async function ready(context: BenchContext, { image }: DockerPeer, settings: Partial<Settings>): Promise<Ready> {
  const instance = await startInstance(context, { settings: { ...settings, workerMemory: 65_536 }, worker: 'process' });
  await instance.client.send(new CreateClusterCommand({}));
  await register(instance, 'bench', 1, image);
  await register(instance, 'bench-network', 1, image, networkCommand);
  const watch = await watchStatus(instance.connect(), instance.settings.redisPrefix);
  const launchAnd = async (family: string, during: (task: string) => Promise<void>) => {
    const began = performance.now();
    const task = await runTask(instance, family);
    const milliseconds = (await watch.reached(task, 'RUNNING')) - began;
    try {
      await during(task);
    } finally {
      await instance.client.send(new StopTaskCommand({ task }));
      await watch.reached(task, 'STOPPED');
    }
    return milliseconds;
  };
  return {
    instance,
    async launch(family = 'bench') {
      let phases: Phases | undefined;
      const milliseconds = await launchAnd(family, async (task) => {
        [phases] = await phasesOf(instance, [task]);
        // A shell that has not come to its trap yet, as process 1, does not hear the signal.
        await sleep(1500);
      });
      if (!phases) throw new Error('The task is not described.');
      return { milliseconds, phases };
    },
    run: async (family, during) => void (await launchAnd(family, during)),
  };
}

function side(name: string, { launch }: Ready, prepare: () => Promise<void>): Side {
  return { name, prepare, launch: async () => await launch(), launches: [] };
}

/** Waits until the machine in the pool is there and has little to do. @returns its monitor's pid */
async function idleMachine({ settings }: Instance): Promise<number> {
  const folder = join(settings.dataDir, 'runtime', 'machines');
  const owner = readInstallationId(settings.dataDir) ?? '';
  const deadline = Date.now() + 300_000;
  let used = Number.NaN;
  while (Date.now() < deadline) {
    const addresses = existsSync(folder) ? readdirSync(folder) : [];
    const pids = (await Promise.all(addresses.map((address) => processesOf(machineName(owner, address))))).flat();
    const [pid] = pids;
    const now = pid === undefined || pids.length > 1 ? Number.NaN : cpuSeconds(pid);
    if (pid !== undefined && now - used < 0.1) return pid;
    used = now;
    await sleep(1000);
  }
  throw new Error('The pool of machines was not full and idle after five minutes.');
}

/** MB/s from the host to a task and back. */
async function throughputOf({ instance, run }: Ready, seconds: number) {
  const result = { in: Number.NaN, out: Number.NaN };
  await run('bench-network', async (task) => {
    const address = await addressOf(instance, task);
    result.in = await throughput({ address, port: 5001, direction: 'to', seconds });
    result.out = await throughput({ address, port: 5002, direction: 'from', seconds });
  });
  return result;
}

const milliseconds = (value: number) => figure(value);

function launchTable(sides: readonly Side[], acceleration: string): Table {
  return {
    title: `microvm: RunTask to RUNNING, milliseconds (${nameOf(acceleration)})`,
    head: ['', 'n', 'p50', 'p95', 'to its network', 'image', 'container'],
    rows: sides.map(({ name, launches }) => {
      const all = summarise(launches.map((launch) => launch.milliseconds));
      const phase = (of: keyof Phases) => milliseconds(median(launches.map(({ phases }) => phases[of])));
      return [
        name,
        String(all.n),
        milliseconds(all.p50),
        milliseconds(all.p95),
        phase('network'),
        phase('pull'),
        phase('containers'),
      ];
    }),
    notes: ['Medians of the phases, as DescribeTasks tells them. 0.25 vCPU, 512 MiB, one container.'],
  };
}

function bootTable(boots: readonly BootTimes[], acceleration: string): Table {
  const middle = (of: (times: BootTimes) => number) => milliseconds(median(boots.map(of)));
  return {
    title: `microvm: a cold boot, milliseconds (${nameOf(acceleration)})`,
    head: ['', 'p50'],
    rows: [
      ['monitor (VMM) answers', middle(({ monitor }) => monitor)],
      ['kernel, until its first process', middle(({ kernel }) => kernel)],
      ['agent, until it answers', middle(({ monitor, kernel, agent }) => agent - monitor - kernel)],
      ['first container, and saved as a snapshot', middle(({ agent, saved }) => saved - agent)],
    ],
  };
}

interface Others {
  readonly memory: { readonly pss: number; readonly rss: number };
  readonly conversion: number;
  readonly network: Readonly<Record<'container' | 'machine', { readonly in: number; readonly out: number }>>;
}

function otherTable({ memory, conversion, network: { container, machine } }: Others): Table {
  return {
    title: 'microvm: what else it costs',
    head: ['', 'container', 'machine'],
    rows: [
      ['memory of an idle machine, MiB: resident / its share', '-', `${figure(memory.rss)} / ${figure(memory.pss)}`],
      [`first pull of an image of ${image100} MB from the engine, ms`, '-', milliseconds(conversion)],
      ['network, host to task, MB/s', figure(container.in), figure(machine.in)],
      ['network, task to host, MB/s', figure(container.out), figure(machine.out)],
    ],
  };
}

function nameOf(acceleration: string): string {
  return acceleration === 'kvm' ? 'KVM' : 'software emulation';
}
