/** Whether sandboxes can be connected directly on this host: asked first, then tried. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DriverError } from '../driver.ts';
import type { Context } from './context.ts';
import { directNetwork, openNamespace, tidyCables } from './direct-network.ts';
import { engineWords } from './engine.ts';
import { engineNetwork } from './engine-network.ts';
import type { EngineFacts } from './facts.ts';
import { OWNER, ROLE } from './names.ts';
import type { OwnNetwork } from './network.ts';
import { makePause, named, type Pause } from './pause.ts';
import { pauseImageName } from './pause-image.ts';
import { removeContainerById } from './remove.ts';
import { discardPooled } from './sandbox.ts';
import { bridgeExists, isConnected, run } from './veth.ts';

export type NetworkChoice = 'direct' | 'engine';

/** Why sandboxes cannot be connected directly, as far as can be told without making one. */
export async function whyNotDirect(facts: EngineFacts, choice: NetworkChoice): Promise<string | undefined> {
  if (choice === 'engine') return 'it was chosen so';
  if (!facts.sameHost) return 'the engine runs on another host or in a virtual machine';
  if (facts.rootless) return 'the engine runs rootless';
  if (facts.remapsUsers) return 'the engine maps the users of containers to others';
  if (process.geteuid?.() !== 0) return 'the worker does not run as root';
  const missing = await Promise.all([run('ip', ['-Version']), run('nsenter', ['--version'])]);
  return missing.some((words) => words !== undefined) ? 'the programs ip and nsenter are not both there' : undefined;
}

/** What a successful trial leaves to its caller. */
export interface Trial {
  /** As good as any of the pool. */
  readonly pause: Pause;
  /** To be removed. */
  readonly joinedId: string;
}

/**
 * Sets `context.network`. `cables` are those that were there before `context.leases` was filled; `note` is the file that
 * remembers what a trial showed, which takes two container starts, until the host or the engine is another.
 * @throws DriverError kind engine when the engine cannot be reached
 */
export async function chooseNetwork(
  context: Context,
  { bridge }: OwnNetwork,
  choice: NetworkChoice,
  cables: readonly string[],
  note: string | undefined,
): Promise<Trial | undefined> {
  const reason =
    (await whyNotDirect(context.facts, choice)) ??
    ((await bridgeExists(bridge)) ? undefined : "the engine's bridges are not among the interfaces of this host");
  if (reason === undefined) {
    await tidyCables(context, bridge, cables);
    const direct = await directNetwork(context, bridge);
    context.network = direct;
    const circumstances = await circumstancesOf(context.facts);
    if (note !== undefined && (await readNote(note)) === circumstances) return undefined;
    try {
      const trial = await tryOut(context);
      if (note !== undefined) await writeNote(note, circumstances);
      return trial;
    } catch (error) {
      // No address is left to try it with, because it worked so often before.
      if (context.leases.isFull() && (await areConnected(cables, context))) return undefined;
      await direct.close();
      // When the engine is away, nothing was found out.
      await context.engine.call((docker) => docker.ping());
      context.log.warn({ error }, 'sandboxes are connected by the engine, which is slow');
      context.network = engineNetwork(context, `trying it failed (${engineWords(error)})`);
      return undefined;
    }
  }
  context.network = engineNetwork(context, reason);
  return undefined;
}

/** What a trial's outcome depends on. */
async function circumstancesOf(facts: EngineFacts): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return JSON.stringify({ boot: boot.trim(), ...facts });
}

async function readNote(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined);
}

/** Without it the next start tries again. */
async function writeNote(path: string, circumstances: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, circumstances, { mode: 0o600 });
  } catch {
    await rm(path, { force: true }).catch(() => {});
  }
}

async function areConnected(addresses: readonly string[], { leases }: Context): Promise<boolean> {
  for (const address of addresses) if (leases.contains(address) && (await isConnected(address))) return true;
  return false;
}

/** Makes a sandbox and a container in it, which must be in the sandbox's namespace and in no other. */
async function tryOut(context: Context): Promise<Trial> {
  const { engine, names, facts } = context;
  const random = randomBytes(6).toString('hex');
  const pause = await makePause(context, { name: names.pooled(random), labels: {} });
  let joinedId: string | undefined;
  try {
    const joined = await engine.call((docker) =>
      docker.createContainer(
        named(`${names.pooled(random)}.joined`, {
          Image: pauseImageName(names, facts.architecture),
          // As a sandbox that nobody took: when this process dies, the next one removes it.
          Labels: { [OWNER]: names.owner, [ROLE]: 'sandbox' },
          HostConfig: { NetworkMode: `container:${pause.id}`, LogConfig: { Type: 'none', Config: {} } },
        }),
      ),
    );
    joinedId = joined.id;
    await engine.call(() => joined.start());
    const [of, inside] = await Promise.all([pause.id, joined.id].map((id) => namespaceOf(context, id)));
    if (of !== inside) throw new DriverError('engine', 'a container does not share the network of its sandbox');
    return { pause, joinedId };
  } catch (error) {
    if (joinedId !== undefined) await removeContainerById(context, joinedId);
    await discardPooled(context, pause);
    throw error;
  }
}

async function namespaceOf({ engine }: Context, id: string): Promise<number> {
  const { State } = await engine.call((docker) => docker.getContainer(id).inspect());
  const namespace = await openNamespace({ id, pid: State.Pid });
  try {
    return (await namespace.stat()).ino;
  } finally {
    await namespace.close();
  }
}
