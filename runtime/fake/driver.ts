/**
 * A driver that runs nothing: the whole contract in memory, with behaviour and failures to choose. For tests and for
 * simulations of thousands of containers.
 */
import { randomUUID } from 'node:crypto';
import { createAddresses, macAddressOf } from '../addresses.ts';
import {
  type ContainerConfig,
  type ContainerExit,
  type ContainerHandle,
  type ContainerState,
  type Driver,
  DriverError,
  type LogChunk,
  type NetworkRange,
  type Sandbox,
  type SandboxConfig,
} from '../driver.ts';
import { behaviourFrom, execResult, type FakeBehaviour, type FakeStep, type FakeSubject } from './behaviour.ts';
import { type FakeClock, realClock } from './clock.ts';
import { type JournalEntry, openJournal } from './journal.ts';
import { openFakeTerminal } from './terminal.ts';
import { checkMounts, checkVolumes } from './volumes.ts';

export type { FakeBehaviour, FakeStep, FakeSubject } from './behaviour.ts';
export type { FakeClock } from './clock.ts';

export interface FakeDriverOptions {
  readonly networkRange: NetworkRange;
  /** The container's FAKE_* environment variables come on top of what this says. */
  readonly behaviour?: (container: FakeSubject) => FakeBehaviour;
  readonly clock?: FakeClock;
  /** File through which sandboxes and containers outlive this process, as they would in a real engine. */
  readonly stateFile?: string;
}

interface FakeSandbox {
  readonly config: SandboxConfig;
  readonly sandbox: Sandbox;
  readonly containers: Map<string, FakeContainer>;
}

interface FakeContainer {
  readonly config: ContainerConfig;
  readonly handle: ContainerHandle;
  readonly behaviour: FakeBehaviour;
  /** Called once, when it ends or is removed. */
  readonly ended: Set<() => void>;
  startedAt?: number;
  exit?: ContainerExit | undefined;
  removed: boolean;
  /** Commands run in it so far. */
  execs: number;
  cancelTimer?: () => void;
}

export function createFakeDriver(options: FakeDriverOptions): Driver {
  const { networkRange, clock = realClock } = options;
  const addresses = createAddresses(networkRange);
  const sandboxes = new Map<string, FakeSandbox>();
  const containers = new Map<string, FakeContainer>();
  const journal = openJournal(options.stateFile, () => [...sandboxes.values()].flatMap(entriesOf));
  let opened = false;

  const behaviourOf = (subject: FakeSubject): FakeBehaviour => ({
    ...options.behaviour?.(subject),
    ...behaviourFrom(subject.environment),
  });

  const find = (handle: ContainerHandle): FakeContainer => {
    const container = containers.get(handle.id);
    if (!container) throw new DriverError('not-found', `There is no container ${handle.name} in ${handle.sandboxId}.`);
    return container;
  };

  const pass = (milliseconds: number | undefined, signal?: AbortSignal): Promise<void> | undefined =>
    milliseconds ? sleep(clock, milliseconds, signal) : undefined;

  const end = (container: FakeContainer, exit: ContainerExit) => {
    if (container.exit) return;
    container.exit = exit;
    container.cancelTimer?.();
    journal.write({ type: 'ended', id: container.handle.id, exit });
    release(container);
  };

  /** Ends a started container when its time is over, which may have been while nobody looked. */
  const schedule = (container: FakeContainer) => {
    const { runForMilliseconds, exitCode = 0, oomKilled = false } = container.behaviour;
    if (container.startedAt === undefined || container.exit || runForMilliseconds === undefined) return;
    const finishedAt = container.startedAt + runForMilliseconds;
    const finish = () => end(container, { exitCode: oomKilled ? 137 : exitCode, oomKilled, finishedAt });
    if (finishedAt <= clock.now()) finish();
    else container.cancelTimer = clock.after(finishedAt - clock.now(), finish);
  };

  const add = (config: ContainerConfig, handle: ContainerHandle, home: FakeSandbox): FakeContainer => {
    const container = {
      config,
      handle,
      behaviour: behaviourOf(config),
      ended: new Set<() => void>(),
      removed: false,
      execs: 0,
    };
    home.containers.set(config.name, container);
    containers.set(handle.id, container);
    return container;
  };

  const drop = (container: FakeContainer) => {
    container.cancelTimer?.();
    container.removed = true;
    containers.delete(container.handle.id);
    sandboxes.get(container.handle.sandboxId)?.containers.delete(container.handle.name);
    release(container);
  };

  const replay = (entry: JournalEntry) => {
    if (entry.type === 'sandbox') {
      addresses.hold(entry.sandbox.ipv4Address);
      sandboxes.set(entry.config.id, { config: entry.config, sandbox: entry.sandbox, containers: new Map() });
    } else if (entry.type === 'container') {
      const home = sandboxes.get(entry.handle.sandboxId);
      if (home) add(entry.config, entry.handle, home);
    } else if (entry.type === 'sandbox-removed') {
      const home = sandboxes.get(entry.id);
      for (const container of home?.containers.values() ?? []) drop(container);
      if (home) addresses.release(home.sandbox.ipv4Address);
      sandboxes.delete(entry.id);
    } else {
      const container = containers.get(entry.id);
      if (!container) return;
      if (entry.type === 'started') {
        container.startedAt = entry.at;
        container.exit = undefined;
      } else if (entry.type === 'ended') container.exit = entry.exit;
      else drop(container);
    }
  };

  const open = () => {
    if (opened) return;
    opened = true;
    for (const entry of journal.read()) replay(entry);
    for (const container of containers.values()) schedule(container);
  };

  const removeSandbox = (id: string) => {
    const home = sandboxes.get(id);
    if (!home) return;
    for (const container of [...home.containers.values()]) drop(container);
    sandboxes.delete(id);
    addresses.release(home.sandbox.ipv4Address);
    journal.write({ type: 'sandbox-removed', id });
  };

  return {
    name: 'fake',
    open: async () => open(),
    close: async () => {
      for (const container of containers.values()) container.cancelTimer?.();
    },

    capabilities: async () => ({
      engine: 'simulation',
      cgroupVersion: 'none',
      sandboxLimits: false,
      pidsLimit: false,
      diskLimit: false,
      exec: true,
      stats: true,
      isolation: 'none',
      separateNetworks: false,
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      limitations: ['Containers are simulated: nothing runs.'],
    }),

    offer: async () => {},

    async pullImage({ image, digest, container, onProgress, signal }) {
      cancelled(signal);
      const behaviour = behaviourOf(container ?? { name: '', image, environment: {} });
      onProgress?.({ status: 'Pulling (simulated)' });
      await pass(behaviour.pullMilliseconds, signal);
      failing(behaviour, 'pull');
      const named = `sha256:${Buffer.from(image).toString('hex').padEnd(64, '0').slice(0, 64)}`;
      return { image, digest: digest ?? behaviour.digest ?? named };
    },

    async createSandbox(config, signal) {
      cancelled(signal);
      const there = sandboxes.get(config.id);
      if (there) return there.sandbox;
      for (const container of config.containers ?? []) failing(behaviourOf(container), 'sandbox');
      checkVolumes(config);
      const ipv4Address = addresses.take();
      const sandbox: Sandbox = {
        id: config.id,
        ipv4Address,
        macAddress: macAddressOf(ipv4Address),
        gateway: networkRange.gateway,
        prefixLength: Number(networkRange.subnet.split('/')[1]),
      };
      sandboxes.set(config.id, { config, sandbox, containers: new Map() });
      journal.write({ type: 'sandbox', config, sandbox });
      return sandbox;
    },

    removeSandbox: async (id) => removeSandbox(id),

    async createContainer(config, signal) {
      cancelled(signal);
      const home = sandboxes.get(config.sandboxId);
      if (!home) throw new DriverError('not-found', `There is no sandbox ${config.sandboxId}.`);
      const there = home.containers.get(config.name);
      if (there) return there.handle;
      failing(behaviourOf(config), 'create');
      checkMounts(config, home.config, [...home.containers.keys()]);
      const handle: ContainerHandle = { sandboxId: config.sandboxId, name: config.name, id: randomUUID() };
      add(config, handle, home);
      journal.write({ type: 'container', config, handle });
      return handle;
    },

    async startContainer(handle, { again = false } = {}) {
      const container = find(handle);
      if (container.startedAt !== undefined && !(again && container.exit)) return { startedAt: container.startedAt };
      await pass(container.behaviour.startMilliseconds);
      find(handle);
      const failure = container.behaviour.failAt;
      if (failure?.step === 'start') {
        end(container, { exitCode: 127, oomKilled: false, finishedAt: clock.now(), error: failure.error.message });
        throw failure.error;
      }
      const startedAt = clock.now();
      container.startedAt = startedAt;
      container.exit = undefined;
      journal.write({ type: 'started', id: handle.id, at: startedAt });
      schedule(container);
      return { startedAt };
    },

    async waitContainer(handle, signal) {
      const container = find(handle);
      if (!container.exit) await endOf(container, signal);
      if (!container.exit) throw new DriverError('not-found', `Container ${handle.name} is gone.`);
      return container.exit;
    },

    async stopContainer(handle, graceSeconds) {
      const container = containers.get(handle.id);
      if (!container || container.startedAt === undefined || container.exit) return;
      if (container.behaviour.ignoreStopSignal) {
        const cancelKill = clock.after(graceSeconds * 1000, () => {
          end(container, { exitCode: 137, oomKilled: false, finishedAt: clock.now() });
        });
        await endOf(container);
        cancelKill();
      } else end(container, { exitCode: 143, oomKilled: false, finishedAt: clock.now() });
    },

    async removeContainer(handle) {
      const container = containers.get(handle.id);
      if (!container) return;
      drop(container);
      journal.write({ type: 'container-removed', id: handle.id });
    },

    pauseContainer: async () => {},
    resumeContainer: async () => {},

    inspectContainer: async (handle) => {
      const container = containers.get(handle.id);
      return container && stateOf(container);
    },

    async *logs(handle, { follow, since = 0, after, signal }): AsyncGenerator<LogChunk> {
      const container = find(handle);
      const { output } = container.behaviour;
      const { startedAt } = container;
      const lines = output && startedAt !== undefined && startedAt >= since ? output.split(/(?<=\n)/) : [];
      for (const [index, line] of lines.entries())
        if (index >= Number(after ?? 0))
          yield { stream: 'stdout', data: Buffer.from(line), at: startedAt ?? 0, position: String(index + 1) };
      if (follow && !container.exit && !signal?.aborted)
        await endOf(container, signal).catch((error: unknown) => {
          if (!(error instanceof DriverError && error.kind === 'cancelled')) throw error;
        });
    },

    async exec(handle, { command, tty }) {
      const container = find(handle);
      if (container.startedAt === undefined || container.exit)
        throw new DriverError('start', `Container ${handle.name} is not running.`);
      if (tty) return openFakeTerminal(command, endOf(container));
      const exitCode = execResult(container.behaviour, container.execs);
      container.execs += 1;
      let kill: () => void = () => {};
      const killed = new Promise<void>((resolve) => {
        kill = resolve;
      });
      return {
        // What would have been run.
        output: (async function* () {
          yield { stream: 'stdout' as const, data: Buffer.from(`${command.join(' ')}\n`) };
          if (exitCode === 'hangs') await Promise.race([killed, endOf(container)]);
        })(),
        write: async () => {},
        resize: async () => {},
        close: () => {},
        kill: async () => kill(),
        wait: async () => {
          if (exitCode !== 'hangs') return { exitCode };
          await Promise.race([killed, endOf(container)]);
          return { exitCode: 137 };
        },
      };
    },

    async stats(handle) {
      find(handle);
      return { at: clock.now(), cpuNanoseconds: 0, memoryBytes: 0 };
    },
    storageUsed: async () => 0,

    async recover() {
      open();
      return [...sandboxes.values()].map(({ config, sandbox, containers: inside }) => ({
        id: config.id,
        sandbox,
        labels: config.labels,
        containers: [...inside.values()].map(stateOf),
      }));
    },

    async clean() {
      open();
      const volumes = [...sandboxes.values()].reduce((sum, { config }) => sum + (config.volumes?.length ?? 0), 0);
      const report = { containers: containers.size + sandboxes.size, networks: 0, cgroups: 0, volumes };
      for (const id of [...sandboxes.keys()]) removeSandbox(id);
      return report;
    },
  };

  /** Resolves when the container has ended or was removed. */
  function endOf(container: FakeContainer, signal?: AbortSignal): Promise<void> {
    if (container.exit || container.removed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const abort = () => {
        container.ended.delete(done);
        reject(new DriverError('cancelled', 'The call was cancelled.'));
      };
      const done = () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      if (signal?.aborted) return abort();
      container.ended.add(done);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

function release(container: FakeContainer): void {
  for (const resolve of container.ended) resolve();
  container.ended.clear();
}

function stateOf({ config, handle, startedAt, exit }: FakeContainer): ContainerState {
  const status = exit ? 'exited' : startedAt === undefined ? 'created' : 'running';
  return { handle, status, startedAt, exit, labels: config.labels };
}

function entriesOf({ config, sandbox, containers }: FakeSandbox): readonly JournalEntry[] {
  return [
    { type: 'sandbox', config, sandbox },
    ...[...containers.values()].flatMap(({ config, handle, startedAt, exit }): JournalEntry[] => [
      { type: 'container', config, handle },
      ...(startedAt === undefined ? [] : [{ type: 'started' as const, id: handle.id, at: startedAt }]),
      ...(exit ? [{ type: 'ended' as const, id: handle.id, exit }] : []),
    ]),
  ];
}

function failing({ failAt }: FakeBehaviour, step: FakeStep): void {
  if (failAt?.step === step) throw failAt.error;
}

function cancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new DriverError('cancelled', 'The call was cancelled.');
}

function sleep(clock: FakeClock, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      cancel();
      reject(new DriverError('cancelled', 'The call was cancelled.'));
    };
    const cancel = clock.after(milliseconds, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}
