/** Everything of ours that is on the host, found by labels, names, cgroups and records; and its removal. */
import type Docker from 'dockerode';
import type { CleanReport, ContainerState, RecoveredSandbox } from '../driver.ts';
import { stateOf } from './container.ts';
import type { Context } from './context.ts';
import { failure, statusOf } from './engine.ts';
import { OWNER, RECORD, ROLE, SANDBOX, withoutOurs } from './names.ts';
import { removeNetworks } from './network.ts';
import { type Pause, pauseOf, sandboxOf } from './pause.ts';
import { parseRecord } from './record.ts';
import { removeContainerById } from './remove.ts';

export async function listOurs({ engine, names }: Pick<Context, 'engine' | 'names'>): Promise<Docker.ContainerInfo[]> {
  try {
    return await engine.call((docker) =>
      docker.listContainers({ all: true, filters: { label: [`${OWNER}=${names.owner}`] } }),
    );
  } catch (error) {
    throw failure('engine', error);
  }
}

/** Pool sandboxes that nobody took: those that still serve, and the ids of the others. */
export function untaken(
  context: Context,
  containers: readonly Docker.ContainerInfo[],
  networkId: string,
  image: string,
) {
  const usable: Pause[] = [];
  const useless: string[] = [];
  for (const info of containers) {
    const name = info.Names[0] ?? '';
    if (info.Labels[ROLE] !== 'sandbox' || info.Labels[SANDBOX] || !context.names.parse(name).pooled) continue;
    const networks = info.NetworkSettings?.Networks;
    const pause = info.State === 'running' && info.Image === image && pauseOf(context, info.Id, name, networks);
    if (pause && networks?.[context.names.network]?.NetworkID === networkId) usable.push(pause);
    else useless.push(info.Id);
  }
  return { usable, useless };
}

export async function recover(context: Context): Promise<readonly RecoveredSandbox[]> {
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
      const running = pause?.State === 'running' && pauseOf(context, pause.Id, '', pause.NetworkSettings?.Networks);
      const carrier = [pause, ...containers].find((info) => info?.Labels[RECORD]);
      const record = parseRecord(carrier?.Labels[RECORD]) ?? (await context.records.get(id));
      if (record) context.records.remember(id, record);
      const states = await Promise.all(containers.map((info) => inspectState(context, info.Id)));
      return {
        id,
        sandbox: running ? sandboxOf(context, id, running) : undefined,
        labels: record?.labels ?? withoutOurs(pause?.Labels),
        containers: states.filter((state) => state !== undefined),
      };
    }),
  );
}

async function inspectState(context: Context, id: string): Promise<ContainerState | undefined> {
  try {
    return stateOf(
      context,
      await context.looks(() => context.engine.call((docker) => docker.getContainer(id).inspect())),
    );
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw failure('engine', error);
  }
}

/** Removes all that `recover` would find, the pool, the networks and the pause image. */
export async function clean(context: Context): Promise<Omit<CleanReport, 'volumes'>> {
  const containers = await listOurs(context);
  await Promise.all(containers.map(({ Id }) => context.looks(() => removeContainerById(context, Id))));
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
