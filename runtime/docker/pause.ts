/** The pause container: the process that holds a sandbox's network namespace and address. */
import type Docker from 'dockerode';
import { hostnameOf, macAddressOf } from '../addresses.ts';
import { DriverError, type Sandbox } from '../driver.ts';
import { noCgroups } from './cgroup.ts';
import type { Context } from './context.ts';
import { engineWords, failure, statusOf } from './engine.ts';
import { ADDRESS, OWNER, ROLE } from './names.ts';
import { ensurePauseImage, pauseImageName } from './pause-image.ts';
import { pauseSeccomp } from './pause-seccomp.ts';
import { removeContainerById } from './remove.ts';
import { AddressTakenError, awaitCableGone, isConnected } from './veth.ts';

export interface PauseRequest {
  readonly name: string;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** A running pause container with its network. */
export interface Pause {
  readonly id: string;
  readonly name: string;
  readonly ipv4Address: string;
  readonly macAddress: string;
}

/** Addresses that turn out to be taken before it is given up. */
const ATTEMPTS = 16;

/**
 * Makes one, or nothing.
 * @throws DriverError kind engine or create; the engine's own error with status 409 when the name is taken
 */
export async function makePause(context: Context, request: PauseRequest): Promise<Pause> {
  for (let attempt = 1; ; attempt += 1) {
    const address = await context.leases.take(request.name);
    let id: string | undefined;
    try {
      id = await createPause(context, request, address);
      context.leases.settled(address);
      return await startPause(context, id, request.sysctls, false);
    } catch (error) {
      const another = error instanceof AddressTakenError && attempt < ATTEMPTS;
      // An address that somebody else has stays taken: releasing it is not ours.
      if (id === undefined) context.leases.release(request.name);
      else await removeFailed(context, id, another ? undefined : request.name);
      if (!another) throw error instanceof AddressTakenError ? failure('engine', error) : error;
    }
  }
}

async function removeFailed(context: Context, id: string, holder: string | undefined): Promise<void> {
  try {
    await removeContainerById(context, id);
    if (holder !== undefined) await releaseAddress(context, holder);
  } catch (error) {
    // What went wrong before is told; `recover` finds this one.
    context.log.debug({ error }, 'a sandbox that failed could not be removed');
  }
}

async function createPause(context: Context, request: PauseRequest, address: string): Promise<string> {
  const body = await pauseConfig(context, request, address);
  const create = () => context.engine.call((docker) => docker.createContainer(named(request.name, body)));
  try {
    return (await create()).id;
  } catch (error) {
    if (statusOf(error) !== 404 || !/no such image/i.test(engineWords(error))) throw error;
  }
  await ensurePauseImage(context.engine, context.names, context.facts.architecture);
  return (await create()).id;
}

/** Starts a pause container and makes its network ready. `again`: an earlier process may have begun with that. */
export async function startPause(
  context: Context,
  id: string,
  sysctls: Readonly<Record<string, string>> = {},
  again = true,
): Promise<Pause> {
  const { engine } = context;
  try {
    await engine.call((docker) => docker.getContainer(id).start());
  } catch (error) {
    if (/address already in use/i.test(engineWords(error))) throw new AddressTakenError(engineWords(error));
    if (statusOf(error) !== 304) throw failure('engine', error);
  }
  const { Name, State, Config, NetworkSettings } = await engine.call((docker) => docker.getContainer(id).inspect());
  const address = Config.Labels[ADDRESS] ?? '';
  if (!State.Running) throw new DriverError('engine', 'The sandbox ended while it was started.');
  const networks = NetworkSettings.Networks;
  const { macAddress } = await context.network.attach({ id, pid: State.Pid, address, again, networks }, sysctls);
  await checkCgroups(context, id);
  return { id, name: Name.replace(/^\//, ''), ipv4Address: address, macAddress };
}

/** What the engine says of a pause container, in a list or when it is asked for it alone. */
export interface PauseFacts {
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly networkMode: string | undefined;
  readonly networks:
    | Readonly<Record<string, { readonly IPAddress?: string; readonly MacAddress?: string }>>
    | null
    | undefined;
}

export function factsOfListed(info: Docker.ContainerInfo): PauseFacts {
  return {
    id: info.Id,
    name: info.Names[0] ?? '',
    running: info.State === 'running',
    labels: info.Labels,
    networkMode: info.HostConfig?.NetworkMode,
    networks: info.NetworkSettings?.Networks,
  };
}

export function factsOfInspected(info: Docker.ContainerInspectInfo): PauseFacts {
  return {
    id: info.Id,
    name: info.Name,
    running: info.State.Running,
    labels: info.Config.Labels,
    networkMode: info.HostConfig.NetworkMode,
    networks: info.NetworkSettings.Networks,
  };
}

/** undefined: it does not run, or its network was never finished. */
export async function pauseOf(context: Context, facts: PauseFacts): Promise<Pause | undefined> {
  const address = addressOf(context, facts);
  if (!facts.running || address === undefined) return undefined;
  const endpoint = facts.networks?.[context.names.network];
  const ready = facts.networkMode === 'host' ? await isConnected(address) : endpoint?.IPAddress === address;
  const macAddress = endpoint?.MacAddress || macAddressOf(address);
  return ready ? { id: facts.id, name: facts.name.replace(/^\//, ''), ipv4Address: address, macAddress } : undefined;
}

/** The address that it has or is to have. */
export function addressOf(
  { names }: Pick<Context, 'names'>,
  { labels, networks }: Pick<PauseFacts, 'labels' | 'networks'>,
): string | undefined {
  return labels[ADDRESS] || networks?.[names.network]?.IPAddress || undefined;
}

/** After the pause container of this name was removed. */
export async function releaseAddress({ leases, filter }: Context, name: string): Promise<void> {
  const address = leases.of(name);
  if (address === undefined) return;
  await Promise.all([awaitCableGone(address), filter.dismiss(address)]);
  leases.release(name);
}

export function sandboxOf(context: Context, id: string, pause: Pause): Sandbox {
  return {
    id,
    ipv4Address: pause.ipv4Address,
    macAddress: pause.macAddress,
    gateway: context.range.gateway,
    prefixLength: Number(context.range.subnet.split('/')[1]),
  };
}

/**
 * What the engine hides by default, and all of /sys: containers that share the pause program's process namespace could
 * look through its root into the /sys of the network that it was started in.
 */
const MASKED = [
  ...['asound', 'acpi', 'kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats', 'sched_debug', 'scsi'].map(
    (name) => `/proc/${name}`,
  ),
  '/proc/interrupts',
  '/sys',
];

async function pauseConfig(
  context: Context,
  { labels, sysctls = {} }: PauseRequest,
  address: string,
): Promise<Docker.ContainerCreateOptions> {
  const { names, cgroups, network } = context;
  const { HostConfig, ...more } = await network.configure(address, sysctls);
  return {
    ...more,
    Image: pauseImageName(names, context.facts.architecture),
    Hostname: hostnameOf(address),
    Labels: { ...labels, [OWNER]: names.owner, [ROLE]: 'sandbox', [ADDRESS]: address },
    StopSignal: 'SIGKILL',
    HostConfig: {
      ...HostConfig,
      CgroupParent: cgroups.pauseParent,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges', `seccomp=${pauseSeccomp}`],
      ReadonlyRootfs: true,
      MaskedPaths: [...MASKED],
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
    },
  };
}

/** dockerode would send the whole body in the query string too, unless it is told apart. */
export function named(name: string, body: Docker.ContainerCreateOptions): Docker.ContainerCreateOptions {
  return { _query: { name }, _body: body } as Docker.ContainerCreateOptions;
}

const checked = new WeakSet<object>();

/** The first pause container proves that the engine uses the cgroup tree that we write to. */
async function checkCgroups(context: Context, pauseId: string): Promise<void> {
  const { cgroups, log } = context;
  if (!cgroups.enforced || checked.has(cgroups)) return;
  checked.add(cgroups);
  if (await cgroups.sees(pauseId)) return;
  await cgroups.removeAll();
  context.cgroups = noCgroups('the engine uses another cgroup tree than this process sees');
  log.warn({ reason: context.cgroups.reason }, 'limits are put on each container instead of the sandbox');
}
