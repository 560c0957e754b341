/** The Docker driver: assembles the parts in this folder into the contract of runtime/driver.ts. */
import { join } from 'node:path';
import { type Capabilities, type Driver, DriverError, type NetworkRange } from '../driver.ts';
import { type Log, silent } from '../log.ts';
import { createPool } from '../pool.ts';
import { openCgroups } from './cgroup.ts';
import { chooseNetwork, type NetworkChoice, whyNotDirect } from './choose-network.ts';
import {
  createContainer,
  inspectContainer,
  pauseContainer,
  removeContainer,
  resumeContainer,
  startContainer,
  stopContainer,
  waitContainer,
} from './container.ts';
import type { Context } from './context.ts';
import { readDiskQuota } from './disk-quota.ts';
import { checkCancelled, connectEngine, failure } from './engine.ts';
import { execContainer } from './exec.ts';
import { createExitWatch } from './exit-watch.ts';
import { readFacts } from './facts.ts';
import { createFirstStarts } from './first-starts.ts';
import { createPullImage } from './image.ts';
import { createLeases } from './leases.ts';
import { createLimit } from './limit.ts';
import { readLogs } from './logs.ts';
import { namesOf } from './names.ts';
import { ensureNetwork, type OwnNetwork } from './network.ts';
import { mostOpenFiles } from './open-files.ts';
import { noFilter, openPacketFilter, removeFilter, whyNoFilter } from './packet-filter.ts';
import type { Pause } from './pause.ts';
import { ensurePauseImage } from './pause-image.ts';
import { openRecords } from './record.ts';
import {
  addressesInUse,
  clean,
  groupsOf,
  listOurs,
  recover,
  removeUntaken,
  takenSandboxes,
  untaken,
} from './recover.ts';
import { removeContainerById } from './remove.ts';
import { createSandbox, discardPooled, makePooled, removeSandbox } from './sandbox.ts';
import { noNetwork } from './sandbox-network.ts';
import { readStats, storageUsed } from './stats.ts';
import { listCables } from './veth.ts';
import { createTurns, makeVolumes, removeAllVolumes, removeVolumes, sandboxesWithVolumes } from './volumes.ts';

export { occupiedSubnets } from './network.ts';

export interface DockerDriverOptions {
  /** Id of the installation: two owners on one engine never see each other. `[A-Za-z0-9_.-]`, at most 60 characters. */
  readonly owner: string;
  /** `unix://…` or `tcp://…`; TLS as the docker CLI's environment says. Default: `unix:///var/run/docker.sock`. */
  readonly dockerHost?: string;
  readonly networkRange: NetworkRange;
  /** Sandboxes kept ready. */
  readonly warmPool: number;
  /** Folder where the records of sandboxes from the warm pool outlive a crash. */
  readonly stateDir?: string;
  /** How sandboxes are connected to the network. Default: directly where that works, else by the engine. */
  readonly network?: NetworkChoice;
  /** Milliseconds that a pull may go without progress. Default: 60 000. */
  readonly pullPatience?: number;
  /** Folders that no container may see, nor what contains them. */
  readonly keepOut?: readonly string[];
  readonly log?: Log;
}

export function createDockerDriver(options: DockerDriverOptions): Driver {
  const { owner, networkRange, network: choice = 'direct', log = silent } = options;
  const names = namesOf(owner);
  const note = options.stateDir === undefined ? undefined : join(options.stateDir, 'direct-network');
  const engine = connectEngine(options.dockerHost);
  const watch = createExitWatch(engine, owner, log);
  const notFiltered = noFilter('the driver is not open');
  let preparing: Promise<Context> | undefined;
  /** What opening left to remove: nobody needs to wait for it. */
  let tidying: Promise<unknown> | undefined;

  const addressesOfEngine = async () => {
    // What is just being removed is as good as free.
    await tidying;
    return new Set(addressesInUse({ names }, await listOurs({ engine, names })).values());
  };

  const prepare = async (): Promise<Context> => {
    const facts = await readFacts(engine);
    return {
      engine,
      names,
      range: networkRange,
      facts,
      records: openRecords(options.stateDir),
      leases: createLeases(networkRange, addressesOfEngine),
      making: new Map(),
      log,
      ends: { started: new Map(), stopped: new Set() },
      looks: createLimit(16),
      diskQuota: await readDiskQuota(facts),
      keepOut: [...(options.keepOut ?? []), ...(options.stateDir === undefined ? [] : [options.stateDir])],
      turns: createTurns(),
      cgroups: await openCgroups(owner, facts),
      network: noNetwork,
      filter: notFiltered,
    };
  };

  /** Both would be made anew as soon as they are found to be gone. */
  const letGo = async (ready: Context): Promise<void> => {
    await Promise.all([ready.network.close(), ready.filter.close()]);
    ready.network = noNetwork;
    ready.filter = notFiltered;
  };

  /** Facts are read once; a failed reading is tried again by the next call. */
  const context = () => {
    preparing ??= prepare().catch((error: unknown) => {
      preparing = undefined;
      throw failure('engine', error);
    });
    return preparing;
  };

  const firstStarts = createFirstStarts(context);
  const pool = createPool<Pause>({
    size: options.warmPool,
    make: async () => makePooled(await context()),
    discard: async (pause) => discardPooled(await context(), pause),
    onError: (error) => log.warn({ error }, 'the warm pool has a problem'),
  });

  /** One that only looks around leaves the commands of whoever works here alone. */
  let opened = false;

  return {
    name: 'docker',

    async open() {
      opened = true;
      const ready = await context();
      const cables = await listCables();
      const [image, containers] = await Promise.all([
        ensurePauseImage(engine, names, ready.facts.architecture),
        listOurs(ready),
      ]).catch((error: unknown) => {
        throw failure('engine', error);
      });
      // The newest is the last one: addresses that were given up a moment ago come last again.
      for (const [name, address] of [...addressesInUse(ready, containers)].reverse()) ready.leases.hold(address, name);
      const network = await ensureNetworkAfterRemovingUnused(ready, containers, image);
      const tried = await chooseNetwork(ready, network, choice, cables, note).catch((error: unknown) => {
        throw failure('engine', error);
      });
      const unfiltered = ready.network.slow ?? (await whyNoFilter({ names, range: networkRange }));
      // Rules that nobody keeps would shut new sandboxes out.
      if (unfiltered !== undefined) await removeFilter(names);
      ready.filter =
        unfiltered === undefined
          ? await openPacketFilter({ ...ready, bridge: network.bridge, groups: await groupsOf(ready, containers) })
          : noFilter(unfiltered);
      const { usable, useless } = await untaken(ready, containers, network, image);
      const surplus = [...usable, ...(tried ? [tried.pause] : [])].filter((pause) => !pool.adopt(pause));
      tidying = Promise.all([
        ...useless.map((info) => removeUntaken(ready, info)),
        ...surplus.map((pause) => discardPooled(ready, pause)),
        ...(tried ? [removeContainerById(ready, tried.joinedId)] : []),
      ]).catch((error: unknown) => log.warn({ error }, 'unused sandboxes could not be removed'));
      pool.open();
    },

    async close() {
      watch.close();
      await pool.close();
      await tidying;
      const ready = await preparing?.catch(() => undefined);
      if (ready) await letGo(ready);
      engine.close();
    },

    async capabilities() {
      const ready = await context();
      const maxOpenFiles = await mostOpenFiles();
      const isOpen = ready.network !== noNetwork;
      const slow = isOpen ? ready.network.slow : await whyNotDirect(ready.facts, choice);
      const unfiltered = isOpen ? ready.filter.missing : (slow ?? (await whyNoFilter({ names, range: networkRange })));
      return { ...capabilitiesOf(ready, slow, unfiltered), ...(maxOpenFiles === undefined ? {} : { maxOpenFiles }) };
    },

    offer: async (services) => await (await context()).filter.offer(services),

    pullImage: createPullImage(engine, options.pullPatience ?? 60_000, log),

    async createSandbox(config, signal) {
      checkCancelled(signal);
      const ready = await context();
      // First, so that a sandbox that is there has its volumes.
      await makeVolumes(ready, config);
      try {
        return await createSandbox(ready, pool, config, signal);
      } catch (error) {
        if (signal?.aborted) await removeVolumes(ready, config.id, async () => await removeSandbox(ready, config.id));
        throw error;
      }
    },
    async removeSandbox(id) {
      const ready = await context();
      await removeVolumes(ready, id, async () => await removeSandbox(ready, id));
    },

    async createContainer(config, signal) {
      const done = pool.busy();
      try {
        const make = async () => await createContainer(await context(), config, signal);
        return await firstStarts.making(config.sandboxId, make);
      } finally {
        done();
      }
    },

    async startContainer(handle, startOptions) {
      const done = pool.busy();
      try {
        const start = async () => await startContainer(await context(), handle, startOptions);
        return await firstStarts.starting(handle.sandboxId, start);
      } finally {
        done();
      }
    },

    waitContainer: async (handle, signal) => waitContainer(await context(), watch, handle, signal),
    stopContainer: async (handle, graceSeconds) => stopContainer(await context(), handle, graceSeconds),
    removeContainer: async (handle) => removeContainer(await context(), handle),
    pauseContainer: async (handle) => pauseContainer(await context(), handle),
    resumeContainer: async (handle) => resumeContainer(await context(), handle),
    inspectContainer: async (handle) => inspectContainer(await context(), handle),

    async *logs(handle, logOptions) {
      yield* readLogs(await context(), handle, logOptions);
    },
    exec: async (handle, config) => execContainer(await context(), handle, config),
    stats: async (handle) => readStats(await context(), handle),
    storageUsed: async (sandboxId) => storageUsed(await context(), sandboxId),

    async recover() {
      const ready = await context();
      const [found, withVolumes] = await Promise.all([
        recover(ready, { endCommands: opened }),
        sandboxesWithVolumes(ready),
      ]);
      const known = new Set(found.map(({ id }) => id));
      const others = [...withVolumes].filter((id) => !known.has(id));
      return [...found, ...others.map((id) => ({ id, sandbox: undefined, labels: {}, containers: [] }))];
    },
    async clean() {
      await pool.close();
      await tidying;
      const ready = await context();
      await letGo(ready);
      const report = await clean(ready);
      await removeFilter(names);
      return { ...report, volumes: await removeAllVolumes(ready) };
    },
  };

  /** The pool's leftovers hold a network of another range in use, so they go first. */
  async function ensureNetworkAfterRemovingUnused(
    ready: Context,
    containers: Awaited<ReturnType<typeof listOurs>>,
    image: string,
  ): Promise<OwnNetwork> {
    const sandboxes = takenSandboxes(ready, containers).length;
    try {
      return await ensureNetwork(engine, names, networkRange, sandboxes);
    } catch (error) {
      const { useless } = await untaken(ready, containers, undefined, image);
      if (!(error instanceof DriverError) || useless.length === 0) throw error;
      await Promise.all(useless.map((info) => removeUntaken(ready, info)));
      return ensureNetwork(engine, names, networkRange, sandboxes);
    }
  }
}

function capabilitiesOf(
  { facts, cgroups, diskQuota }: Context,
  slow: string | undefined,
  unfiltered: string | undefined,
): Capabilities {
  const limitations = [
    ...(cgroups.enforced
      ? []
      : [
          `Limits hold for each container, not for a task's containers together, because ${cgroups.reason}: a task's limits are divided among its containers.`,
        ]),
    ...(slow === undefined
      ? []
      : [`The engine connects sandboxes to their network, so that tasks start at half the speed, because ${slow}.`]),
    ...(unfiltered === undefined
      ? []
      : [
          `Tasks reach every service of this host and can pretend to have each other's addresses, and there is no task metadata endpoint, because ${unfiltered}.`,
        ]),
    diskQuota.enforced
      ? 'Ephemeral storage is enforced for what each container writes into its own file system; what containers write into shared volumes is not counted.'
      : `Ephemeral storage is accounted but not enforced, because ${diskQuota.reason}: a container may fill the disk. An engine whose data root is on xfs mounted with pquota enforces it.`,
    facts.remapsUsers || facts.rootless
      ? 'The engine maps the users of containers to others of its host: files in directories of the host that they mount must belong to those.'
      : "The users of containers, root too, are users of the engine's host, held back by capabilities and seccomp alone: an engine with userns-remap or a rootless one gives them others.",
    ...(facts.pidsLimit ? [] : ['The engine cannot limit the number of processes (no pids controller).']),
  ];
  return {
    engine: `Docker Engine ${facts.version}`,
    cgroupVersion: facts.cgroupVersion,
    sandboxLimits: cgroups.enforced,
    pidsLimit: facts.pidsLimit,
    diskLimit: diskQuota.enforced,
    exec: true,
    stats: true,
    isolation: 'container',
    separateNetworks: unfiltered === undefined,
    architecture: facts.architecture,
    limitations,
  };
}
