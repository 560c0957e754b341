/** The bridge that sandboxes are on, and the address ranges that are taken on this host. */
import { createHash } from 'node:crypto';
import { DriverError, type NetworkRange } from '../driver.ts';
import { hostRoutes } from '../routes.ts';
import { connectEngine, type Engine, failure, statusOf } from './engine.ts';
import { type Names, namesOf, OWNER } from './names.ts';

export interface OwnNetwork {
  readonly id: string;
  /** The bridge's name on the engine's host. */
  readonly bridge: string;
}

const BRIDGE_NAME = 'com.docker.network.bridge.name';

/** At most 15 characters, which the kernel allows. */
function bridgeOf(owner: string): string {
  return `longs-${hashOf(owner)}`;
}

/** Nine hexadecimal digits: short names of what belongs to this owner on the host. */
export function hashOf(owner: string): string {
  return createHash('sha256').update(owner).digest('hex').slice(0, 9);
}

/**
 * This owner's network, made where it is missing. One of another range is made anew when nothing uses it: `sandboxes`
 * says how many there are that the engine does not know to be on it.
 * @throws DriverError kind engine
 */
export async function ensureNetwork(
  engine: Engine,
  names: Names,
  range: NetworkRange,
  sandboxes = 0,
): Promise<OwnNetwork> {
  const found = await inspectNetwork(engine, names.network);
  if (found) {
    if (found.labels[OWNER] !== names.owner)
      throw new DriverError('engine', `The Docker network ${names.network} is there already and is not ours.`);
    if (found.subnet === range.subnet && found.gateway === range.gateway) return found;
    if (found.users + sandboxes > 0)
      throw new DriverError(
        'engine',
        `The Docker network ${names.network} has the range ${found.subnet} and is in use; ${range.subnet} was asked for. Stop its tasks or keep the range.`,
      );
    await engine
      .call((docker) => docker.getNetwork(found.id).remove())
      .catch((error: unknown) => {
        throw failure('engine', error);
      });
  }
  return createNetwork(engine, names, range);
}

async function createNetwork(engine: Engine, names: Names, range: NetworkRange): Promise<OwnNetwork> {
  const bridge = bridgeOf(names.owner);
  try {
    const network = await engine.call((docker) =>
      docker.createNetwork({
        Name: names.network,
        Driver: 'bridge',
        // Older engines would make a second network of the same name.
        CheckDuplicate: true,
        IPAM: { Driver: 'default', Config: [{ Subnet: range.subnet, Gateway: range.gateway }] },
        Options: {
          [BRIDGE_NAME]: bridge,
          'com.docker.network.bridge.enable_icc': 'true',
          'com.docker.network.bridge.enable_ip_masquerade': 'true',
        },
        Labels: { [OWNER]: names.owner },
      }),
    );
    return { id: network.id, bridge };
  } catch (error) {
    const other = statusOf(error) === 409 ? await inspectNetwork(engine, names.network) : undefined;
    if (other?.subnet === range.subnet) return other;
    throw failure('engine', error);
  }
}

async function inspectNetwork(engine: Engine, name: string) {
  try {
    const network = await engine.call((docker) => docker.getNetwork(name).inspect());
    const config = network.IPAM?.Config?.[0];
    return {
      id: network.Id as string,
      bridge: (network.Options?.[BRIDGE_NAME] as string | undefined) ?? `br-${(network.Id as string).slice(0, 12)}`,
      labels: (network.Labels ?? {}) as Record<string, string>,
      subnet: config?.Subnet as string | undefined,
      gateway: config?.Gateway as string | undefined,
      users: Object.keys(network.Containers ?? {}).length,
    };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw failure('engine', error);
  }
}

/** Removes this owner's networks; returns how many. */
export async function removeNetworks(engine: Engine, names: Names): Promise<number> {
  const networks = await engine.call((docker) =>
    docker.listNetworks({ filters: { label: [`${OWNER}=${names.owner}`] } }),
  );
  for (const { Id } of networks)
    await engine
      .call((docker) => docker.getNetwork(Id).remove())
      .catch((error: unknown) => {
        if (statusOf(error) !== 404) throw failure('engine', error);
      });
  return networks.length;
}

/**
 * IPv4 ranges in CIDR form that the engine's networks and this host's routes use, without the owner's own network:
 * a range that overlaps none of them is free.
 * @throws DriverError kind engine
 */
export async function occupiedSubnets(options: {
  readonly owner: string;
  readonly dockerHost?: string;
}): Promise<readonly string[]> {
  const engine = connectEngine(options.dockerHost);
  try {
    const networks = await engine.call((docker) => docker.listNetworks());
    const own = namesOf(options.owner).network;
    const subnetsOf = (chosen: typeof networks) =>
      chosen.flatMap(({ IPAM }) =>
        (IPAM?.Config ?? []).flatMap(({ Subnet }) => (Subnet && !Subnet.includes(':') ? [Subnet] : [])),
      );
    const ours = new Set(subnetsOf(networks.filter(({ Name }) => Name === own)));
    const others = subnetsOf(networks.filter(({ Name }) => Name !== own));
    const routes = (await hostRoutes()).filter((subnet) => !ours.has(subnet));
    return [...new Set([...others, ...routes])];
  } catch (error) {
    throw failure('engine', error);
  } finally {
    engine.close();
  }
}
