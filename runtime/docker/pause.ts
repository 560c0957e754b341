/** The pause container: the process that holds a sandbox's network namespace and address. */
import type Docker from 'dockerode';
import { DriverError, type Sandbox } from '../driver.ts';
import { noCgroups } from './cgroup.ts';
import type { Context } from './context.ts';
import { failure, statusOf } from './engine.ts';
import { OWNER, ROLE } from './names.ts';
import { ensurePauseImage } from './pause-image.ts';

export interface PauseRequest {
  readonly name: string;
  /** Absent: the engine's choice. */
  readonly hostname?: string;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** A running pause container. */
export interface Pause {
  readonly id: string;
  readonly name: string;
  readonly ipv4Address: string;
  readonly macAddress: string;
}

/** @throws DriverError kind engine or create; kind `conflict` does not exist: see the 409 in `cause` */
export async function createPause(context: Context, request: PauseRequest): Promise<string> {
  const image = await ensurePauseImage(context.engine, context.names, context.facts.architecture);
  const container = await context.engine.call((docker) => docker.createContainer(pauseConfig(context, request, image)));
  return container.id;
}

/** Starts a pause container and reads its address. */
export async function startPause(context: Context, id: string): Promise<Pause> {
  const { engine } = context;
  try {
    await engine.call((docker) => docker.getContainer(id).start());
  } catch (error) {
    if (statusOf(error) !== 304) throw failure('engine', error);
  }
  const info = await engine.call((docker) => docker.getContainer(id).inspect());
  const pause = pauseOf(context, info.Id, info.Name, info.NetworkSettings.Networks);
  if (!pause) throw new DriverError('engine', 'The sandbox ended while it was started.');
  await checkCgroups(context, info.Id);
  return pause;
}

/** undefined: it has no address, so it does not run. */
export function pauseOf(
  context: Context,
  id: string,
  name: string,
  networks: Readonly<Record<string, { readonly IPAddress?: string; readonly MacAddress?: string }>> | undefined,
): Pause | undefined {
  const endpoint = networks?.[context.names.network];
  if (!endpoint?.IPAddress) return undefined;
  return { id, name: name.replace(/^\//, ''), ipv4Address: endpoint.IPAddress, macAddress: endpoint.MacAddress ?? '' };
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

function pauseConfig(context: Context, request: PauseRequest, image: string): Docker.ContainerCreateOptions {
  const { names, cgroups } = context;
  const body: Docker.ContainerCreateOptions = {
    Image: image,
    Hostname: request.hostname,
    Labels: { ...request.labels, [OWNER]: names.owner, [ROLE]: 'sandbox' },
    StopSignal: 'SIGKILL',
    HostConfig: {
      NetworkMode: names.network,
      CgroupParent: cgroups.pauseParent,
      Sysctls: request.sysctls ? { ...request.sysctls } : undefined,
      CapDrop: ['ALL'],
      // Nothing but two instructions runs here: a filter for them costs start time and protects nothing.
      SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
    },
  };
  return named(request.name, body);
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
