/** Everything of ours that is on the host, found by labels, names, cgroups and records; and its removal. */
import type Docker from 'dockerode';
import type { CleanReport, ContainerState, RecoveredSandbox } from '../driver.ts';
import { stateOf } from './container.ts';
import type { Context } from './context.ts';
import { failure, statusOf } from './engine.ts';
import { endLeftCommands } from './exec.ts';
import { type Names, OWNER, RECORD, ROLE, SANDBOX, withoutOurs } from './names.ts';
import { type OwnNetwork, removeNetworks } from './network.ts';
import { addressOf, factsOfListed, type Pause, pauseOf, releaseAddress, sandboxOf } from './pause.ts';
import { parseRecord } from './record.ts';
import { removeContainerById } from './remove.ts';
import { awaitCableGone, isOnBridge } from './veth.ts';

export async function listOurs({ engine, names }: Pick<Context, 'engine' | 'names'>): Promise<Docker.ContainerInfo[]> {
  try {
    return await engine.call((docker) =>
      docker.listContainers({ all: true, filters: { label: [`${OWNER}=${names.owner}`] } }),
    );
  } catch (error) {
    throw failure('engine', error);
  }
}

/** Pause containers of sandboxes that somebody took. */
export function takenSandboxes(
  { names }: Context,
  containers: readonly Docker.ContainerInfo[],
): Docker.ContainerInfo[] {
  return containers.filter((info) => isSandbox(info) && !isUntaken(names, info));
}

/** Pool sandboxes that nobody took: those that still serve, and the others. */
export async function untaken(
  context: Context,
  containers: readonly Docker.ContainerInfo[],
  network: OwnNetwork | undefined,
  image: string,
) {
  const usable: Pause[] = [];
  const useless: Docker.ContainerInfo[] = [];
  for (const info of containers) {
    if (!isSandbox(info) || !isUntaken(context.names, info)) continue;
    const pause = info.Image === image ? await pauseOf(context, factsOfListed(info)) : undefined;
    if (pause && network && (await isOn(context, network, info, pause))) usable.push(pause);
    else useless.push(info);
  }
  return { usable, useless };
}

export async function removeUntaken(context: Context, { Id, Names }: Docker.ContainerInfo): Promise<void> {
  await removeContainerById(context, Id);
  await releaseAddress(context, Names[0]?.slice(1) ?? '');
}

const isSandbox = (info: Docker.ContainerInfo) => info.Labels[ROLE] === 'sandbox';

const isUntaken = (names: Names, info: Docker.ContainerInfo) =>
  !info.Labels[SANDBOX] && names.parse(info.Names[0] ?? '').pooled;

async function isOn(
  { names, leases }: Context,
  network: OwnNetwork,
  info: Docker.ContainerInfo,
  { ipv4Address }: Pause,
): Promise<boolean> {
  if (info.HostConfig.NetworkMode === 'host') return leases.contains(ipv4Address) && (await isOnBridge(ipv4Address));
  return info.NetworkSettings?.Networks[names.network]?.NetworkID === network.id;
}

/** Every address that a container of ours has or is to have, by the container's name. */
export function addressesInUse(
  context: Pick<Context, 'names'>,
  containers: readonly Docker.ContainerInfo[],
): ReadonlyMap<string, string> {
  const used = new Map<string, string>();
  for (const info of containers) {
    const { name, ...facts } = factsOfListed(info);
    const address = addressOf(context, facts);
    if (address !== undefined) used.set(name.replace(/^\//, ''), address);
  }
  return used;
}

/** Group by address of the sandboxes that somebody took. */
export async function groupsOf(
  context: Context,
  containers: readonly Docker.ContainerInfo[],
): Promise<ReadonlyMap<string, string | undefined>> {
  const groups = new Map<string, string | undefined>();
  for (const info of takenSandboxes(context, containers)) {
    const address = addressOf(context, factsOfListed(info));
    if (address === undefined) continue;
    const id = info.Labels[SANDBOX] ?? context.names.parse(info.Names[0] ?? '').sandboxId;
    const record = parseRecord(info.Labels[RECORD]) ?? (await context.records.get(id));
    groups.set(address, record?.group);
  }
  return groups;
}

/** @param endCommands also ends commands that an earlier process ran in containers, and limits what it left unlimited */
export async function recover(
  context: Context,
  { endCommands }: { readonly endCommands: boolean },
): Promise<readonly RecoveredSandbox[]> {
  const found = new Map<string, { pause?: Docker.ContainerInfo; containers: Docker.ContainerInfo[] }>();
  const entry = (id: string) => {
    const known = found.get(id) ?? { containers: [] };
    found.set(id, known);
    return known;
  };
  for (const info of await listOurs(context)) {
    if (info.Labels[ROLE] === 'sandbox') {
      const { pooled, sandboxId } = context.names.parse(info.Names[0] ?? '');
      if (info.Labels[SANDBOX]) entry(info.Labels[SANDBOX]).pause = info;
      else if (!pooled) entry(sandboxId).pause = info;
    } else if (info.Labels[SANDBOX]) entry(info.Labels[SANDBOX]).containers.push(info);
  }
  for (const id of [...(await context.cgroups.list()), ...(await context.records.list())]) entry(id);
  return Promise.all(
    [...found].map(async ([id, { pause, containers }]): Promise<RecoveredSandbox> => {
      const running = pause && (await pauseOf(context, factsOfListed(pause)));
      const carrier = [pause, ...containers].find((info) => info?.Labels[RECORD]);
      const record = parseRecord(carrier?.Labels[RECORD]) ?? (await context.records.get(id));
      if (record) context.records.remember(id, record);
      // The process that started them may have died before it came to that.
      if (record && endCommands && containers.length > 0) await context.cgroups.limitTime(id, record.limits);
      const states = await Promise.all(containers.map((info) => inspectState(context, info.Id, endCommands)));
      return {
        id,
        sandbox: running ? sandboxOf(context, id, running) : undefined,
        labels: record?.labels ?? withoutOurs(pause?.Labels),
        containers: states.filter((state) => state !== undefined),
      };
    }),
  );
}

async function inspectState(context: Context, id: string, endCommands: boolean): Promise<ContainerState | undefined> {
  try {
    const found = await context.looks(() => context.engine.call((docker) => docker.getContainer(id).inspect()));
    if (endCommands) await endLeftCommands(context, found);
    return stateOf(context, found);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw failure('engine', error);
  }
}

/** Removes all that `recover` would find, the pool, the networks and the pause image. */
export async function clean(context: Context): Promise<Omit<CleanReport, 'volumes'>> {
  const containers = await listOurs(context);
  await Promise.all(
    containers.map(({ Id, Labels }) => context.looks(() => removeContainerById(context, Id, Labels[SANDBOX]))),
  );
  for (const [name, address] of addressesInUse(context, containers)) {
    await awaitCableGone(address);
    context.leases.release(name);
  }
  const cgroups = await context.cgroups.removeAll();
  const networks = await removeNetworks(context.engine, context.names);
  for (const id of await context.records.list()) await context.records.remove(id);
  await removeImages(context);
  return { containers: containers.length, networks, cgroups };
}

async function removeImages({ engine, names }: Context): Promise<void> {
  const reference = names.pauseImage('*');
  const images = await engine.call((docker) =>
    docker.listImages({ filters: { reference: [`${reference.repository}:${reference.tag}`] } }),
  );
  for (const tag of images.flatMap(({ RepoTags }) => RepoTags ?? []))
    await engine
      .call((docker) => docker.getImage(tag).remove())
      .catch((error: unknown) => {
        if (statusOf(error) !== 404 && statusOf(error) !== 409) throw failure('engine', error);
      });
}
