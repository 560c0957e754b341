/** The driver for virtual machines: assembles the parts in this folder into the contract of runtime/driver.ts. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createAddresses } from '../addresses.ts';
import { type Capabilities, type Driver, DriverError, type NetworkRange, type SandboxConfig } from '../driver.ts';
import { type Log, silent } from '../log.ts';
import { createPool } from '../pool.ts';
import { type Acceleration, chooseAcceleration, findAcceleration, hasKvm } from './acceleration.ts';
import { removeEverything } from './clean.ts';
import { runProgram } from './commands.ts';
import {
  checkCancelled,
  createContainer,
  freezeContainer,
  inspectContainer,
  removeContainer,
  startContainer,
  stopContainer,
  waitContainer,
} from './container.ts';
import type { Context } from './context.ts';
import { engineAnswers, engineImages, type ImageSource, removeExports } from './engine-images.ts';
import { execContainer } from './exec.ts';
import { openGroups } from './groups.ts';
import { prepareGuest } from './guest.ts';
import { openImageCache } from './image-cache.ts';
import { readLogs } from './logs.ts';
import { leave, linkFolderOf, type Machine, makeMachine, sandboxOf } from './machine.ts';
import { type MachineNetwork, openNetwork, removeNetwork } from './network.ts';
import { openQemu, qemuVersion } from './qemu.ts';
import { removeFolder } from './record.ts';
import { groupsIn, listRecorded, recover, takeBack } from './recover.ts';
import { registryImages } from './registry-images.ts';
import { checkSandbox, removeMachine, removeSandbox, sizeFor, takeMachine } from './sandbox.ts';
import { openSnapshots } from './snapshot.ts';
import { readStats, storageUsed } from './stats.ts';
import type { MachineSize } from './vmm.ts';
import { closeAll, openDirectories } from './volumes.ts';

/** Milliseconds that a pull may go without progress. */
const PULL_PATIENCE = 60_000;

export interface MicrovmDriverOptions {
  /** Id of the installation: two owners on one host never see each other. */
  readonly owner: string;
  readonly dockerHost?: string;
  readonly networkRange: NetworkRange;
  /** Machines kept ready, of the size that was asked for last. */
  readonly warmPool: number;
  /** Folder of the machines. */
  readonly stateDir: string;
  /** Folder of kernels, snapshots and converted images, which installations may share. */
  readonly cacheDir: string;
  /** Paths of the host that no volume may be, contain or lie in, besides the driver's own folders. */
  readonly keepOut?: readonly string[];
  /** Bytes of converted images that are kept. Default: 20 GiB. */
  readonly imageCacheLimit?: number;
  readonly log?: Log;
}

export function createMicrovmDriver(options: MicrovmDriverOptions): Driver {
  const { owner, networkRange, log = silent } = options;
  const machinesFolder = join(options.stateDir, 'machines');
  const linkFolder = linkFolderOf(options.cacheDir, owner);
  let opening: Promise<Context> | undefined;
  let source: ImageSource | undefined;
  const making = new Map<string, Promise<Machine>>();
  /** What the pool makes: nobody knows what comes next, so it is what came last. */
  let usual: MachineSize = sizeFor({});

  const opened = async () => {
    if (!opening) throw new DriverError('engine', 'The driver is not open.');
    return await opening;
  };

  const prepare = async (): Promise<Context> => {
    await mkdir(join(options.cacheDir, 'snapshots'), { recursive: true, mode: 0o755 });
    // First of all: who has the range has its addresses, and with them the users that monitors run as.
    const taken = await groupsIn(machinesFolder);
    const network = await openNetwork({ owner, range: networkRange, groups: taken, log });
    try {
      return await prepareOn(network);
    } catch (error) {
      network.close();
      await network.filter.close();
      if (taken.size === 0) await removeNetwork(owner);
      throw error;
    }
  };

  const prepareOn = async (network: MachineNetwork): Promise<Context> => {
    const [guest, groups, images] = await Promise.all([
      prepareGuest(options.cacheDir),
      openGroups(owner),
      openImageCache(join(options.cacheDir, 'images'), options.imageCacheLimit ?? 20 * 2 ** 30),
    ]);
    const vmm = await openQemu({ guest, acceleration: await chooseAcceleration(guest) });
    source = (await engineAnswers(options.dockerHost))
      ? engineImages({ owner, dockerHost: options.dockerHost, cache: images, patience: PULL_PATIENCE, log })
      : registryImages(images, join(options.cacheDir, 'images'));
    const context: Context = {
      owner,
      folder: machinesFolder,
      linkFolder,
      guest,
      vmm,
      snapshots: openSnapshots(vmm, join(options.cacheDir, 'snapshots')),
      network,
      range: networkRange,
      addresses: createAddresses(networkRange),
      groups,
      images,
      keepOut: [options.stateDir, options.cacheDir, ...(options.keepOut ?? [])],
      machines: new Map(),
      log,
    };
    await takeBack(context);
    return context;
  };

  const pool = createPool<Machine>({
    size: options.warmPool,
    make: async () => await makeMachine(await opened(), usual),
    discard: async (machine) => await removeMachine(await opened(), machine),
    onError: (error) => log.warn({ error }, 'the warm pool has a problem'),
  });

  /** One that was kept ready, when it has the size. */
  const readyMachine = async (context: Context, size: MachineSize): Promise<Machine | undefined> => {
    const fits = JSON.stringify(size) === JSON.stringify(usual);
    usual = size;
    const ready = await pool.take();
    if (!ready) return undefined;
    if (fits && !ready.record.ended && JSON.stringify(ready.record.size) === JSON.stringify(size)) return ready;
    await removeMachine(context, ready);
    return undefined;
  };

  const occupy = async (context: Context, machine: Machine, config: SandboxConfig): Promise<Machine> => {
    try {
      await takeMachine(context, machine, config);
      context.machines.set(config.id, machine);
      return machine;
    } catch (error) {
      await removeMachine(context, machine);
      throw error;
    }
  };

  const makeSandbox = async (context: Context, config: SandboxConfig): Promise<Machine> => {
    const size = sizeFor(config.limits);
    const directories = await openDirectories(context, config);
    try {
      if (directories.length > 0) {
        const folders = directories.map(({ fd }) => fd);
        return await occupy(context, await makeMachine(context, size, folders), config);
      }
    } finally {
      await closeAll(directories);
    }
    const ready = await readyMachine(context, size);
    try {
      if (ready) return await occupy(context, ready, config);
    } catch (error) {
      // It may have died while it waited, which is no fault of the task.
      if (!(error instanceof DriverError) || error.kind !== 'engine') throw error;
      log.warn({ error, address: ready?.address }, 'a machine that was kept ready could not be used');
    }
    return await occupy(context, await makeMachine(context, size), config);
  };

  return {
    name: 'microvm',

    async open() {
      opening ??= prepare();
      try {
        await opening;
      } catch (error) {
        opening = undefined;
        throw error;
      }
      pool.open();
    },

    async close() {
      await pool.close();
      const context = await opening?.catch(() => undefined);
      source?.close();
      for (const machine of context?.machines.values() ?? []) leave(machine);
      context?.network.close();
      await context?.network.filter.close();
    },

    capabilities: async () => {
      const context = await opening;
      // One that is open has its rules.
      const missing = [...(await whatIsMissing()), ...(context ? [] : await whyNoPackets())];
      if (context || missing.some((one) => one !== noKvm))
        return capabilitiesOf(context, missing, context?.vmm.acceleration);
      try {
        return capabilitiesOf(context, missing, await findAcceleration(options.cacheDir));
      } catch (error) {
        return capabilitiesOf(context, [`No guest can be made: ${(error as Error).message}`], undefined);
      }
    },

    offer: async (services) => await (await opened()).network.filter.offer(services),

    async pullImage(request) {
      checkCancelled(request.signal);
      await opened();
      if (!source) throw new DriverError('engine', 'The driver is not open.');
      return await source.pull(request);
    },

    async createSandbox(config, signal) {
      checkCancelled(signal);
      checkSandbox(config);
      const context = await opened();
      const existing = context.machines.get(config.id);
      if (existing && !diedUnused(existing)) return sandboxOf(context, existing);
      if (existing) await removeSandbox(context, config.id);
      const done = pool.busy();
      try {
        const running = making.get(config.id) ?? makeSandbox(context, config);
        making.set(config.id, running);
        const machine = await running;
        if (signal?.aborted) await removeSandbox(context, config.id);
        checkCancelled(signal);
        return sandboxOf(context, machine);
      } finally {
        making.delete(config.id);
        done();
      }
    },
    removeSandbox: async (id) => {
      await making.get(id)?.catch(() => {});
      await removeSandbox(await opened(), id);
    },

    async createContainer(config, signal) {
      const done = pool.busy();
      try {
        return await createContainer(await opened(), config, signal);
      } finally {
        done();
      }
    },
    async startContainer(handle, startOptions) {
      const done = pool.busy();
      try {
        return await startContainer(await opened(), handle, startOptions);
      } finally {
        done();
      }
    },
    waitContainer: async (handle, signal) => await waitContainer(await opened(), handle, signal),
    stopContainer: async (handle, graceSeconds) => await stopContainer(await opened(), handle, graceSeconds),
    pauseContainer: async (handle) => await freezeContainer(await opened(), handle, true),
    resumeContainer: async (handle) => await freezeContainer(await opened(), handle, false),
    removeContainer: async (handle) => await removeContainer(await opened(), handle),
    inspectContainer: async (handle) => await inspectContainer(await opened(), handle),

    async *logs(handle, logOptions) {
      yield* readLogs(await opened(), handle, logOptions);
    },
    exec: async (handle, config) => await execContainer(await opened(), handle, config),
    stats: async (handle) => await readStats(await opened(), handle),
    storageUsed: async (sandboxId) => await storageUsed(await opened(), sandboxId),

    recover: async () => (opening ? await recover(await opening) : await listRecorded(machinesFolder)),
    async clean() {
      await pool.close();
      const context = await opening?.catch(() => undefined);
      for (const machine of context?.machines.values() ?? []) leave(machine);
      context?.machines.clear();
      context?.network.close();
      await context?.network.filter.close();
      await removeExports(owner, options.dockerHost);
      await removeFolder(linkFolder);
      return await removeEverything(owner, machinesFolder, context?.groups ?? (await openGroups(owner)));
    },
  };
}

/** Nothing has run in it: whoever asks for the sandbox again is given another. */
function diedUnused({ record }: Machine): boolean {
  return (
    record.ended !== undefined && Object.values(record.containers).every(({ startedAt }) => startedAt === undefined)
  );
}

function capabilitiesOf(
  context: Context | undefined,
  missing: readonly string[],
  acceleration: Acceleration | undefined,
): Capabilities {
  const emulated = acceleration === 'tcg' || missing.includes(noKvm);
  const how = acceleration && (emulated ? ' (software emulation)' : ' (KVM)');
  return {
    engine: `${context?.vmm.name ?? 'QEMU'}${how ?? ''}`,
    cgroupVersion: context?.groups.version ?? 'none',
    sandboxLimits: true,
    pidsLimit: true,
    diskLimit: true,
    exec: true,
    stats: true,
    isolation: 'vm',
    separateNetworks: true,
    architecture: 'amd64',
    limitations: [
      ...missing,
      ...(emulated && !missing.includes(noKvm)
        ? ['Virtual machines are emulated, which is slow: /dev/kvm is there, but a machine did not start on it.']
        : []),
      ...(context?.groups.missing === undefined
        ? []
        : [`Monitors of virtual machines have no limits on the host, because ${context.groups.missing}.`]),
      ...(context?.vmm.noFolders === undefined
        ? []
        : [`Volumes on directories of the host cannot be mounted, because ${context.vmm.noFolders}.`]),
    ],
  };
}

const noKvm = 'Virtual machines are emulated, which is slow: this host has no /dev/kvm.';

/** Only the program itself can tell that it works on this host. */
async function whyNoPackets(): Promise<readonly string[]> {
  return await runProgram('nft', ['list', 'tables']).then(
    () => [],
    (error: Error) => [`Packets of virtual machines cannot be filtered, so none starts: ${error.message}`],
  );
}

/** Sentences for `doctor`. */
async function whatIsMissing(): Promise<readonly string[]> {
  return [
    ...(process.arch === 'x64' ? [] : ['Virtual machines need an amd64 processor.']),
    ...(process.geteuid?.() === 0 ? [] : ['Virtual machines need a worker that runs as root.']),
    ...((await qemuVersion()) === undefined
      ? ['qemu-system-x86 is not installed; `longshore start` with this runtime installs it.']
      : []),
    ...((await hasKvm()) ? [] : [noKvm]),
  ];
}
