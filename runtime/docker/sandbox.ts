/** Sandboxes: taken from the warm pool or made, found again, removed. */
import { randomBytes } from 'node:crypto';
import { DriverError, type Sandbox, type SandboxConfig } from '../driver.ts';
import type { Pool } from '../pool.ts';
import type { Context } from './context.ts';
import { checkCancelled, failure, statusOf } from './engine.ts';
import { isValidId, OWNER, RECORD, SANDBOX } from './names.ts';
import {
  addressOf,
  factsOfInspected,
  makePause,
  type Pause,
  pauseOf,
  releaseAddress,
  sandboxOf,
  startPause,
} from './pause.ts';
import { parseRecord, recordOf, type SandboxRecord } from './record.ts';
import { removeContainerById } from './remove.ts';
import { AddressTakenError } from './veth.ts';

export async function createSandbox(
  context: Context,
  pool: Pool<Pause>,
  config: SandboxConfig,
  signal: AbortSignal | undefined,
): Promise<Sandbox> {
  if (!isValidId(config.id)) throw new DriverError('create', `"${config.id}" is not a valid sandbox id.`);
  checkCancelled(signal);
  const done = pool.busy();
  try {
    const [pause] = await Promise.all([takeOrMake(context, pool, config), makeLimits(context, config)]);
    await context.filter.admit(pause.ipv4Address, config.group);
    if (signal?.aborted) await removeSandbox(context, config.id);
    checkCancelled(signal);
    return sandboxOf(context, config.id, pause);
  } catch (error) {
    throw failure('create', error);
  } finally {
    done();
  }
}

async function makeLimits({ cgroups }: Context, { id, limits }: SandboxConfig): Promise<void> {
  try {
    await cgroups.make(id, limits);
  } catch (error) {
    throw failure('engine', error);
  }
}

/** A call that comes again while the first is under way gets what that one makes. */
function takeOrMake(context: Context, pool: Pool<Pause>, config: SandboxConfig): Promise<Pause> {
  const { making } = context;
  const running = making.get(config.id) ?? takeOrMakeOnce(context, pool, config);
  if (!making.has(config.id)) {
    making.set(config.id, running);
    const forget = () => making.delete(config.id);
    running.then(forget, forget);
  }
  return running;
}

async function takeOrMakeOnce(context: Context, pool: Pool<Pause>, config: SandboxConfig): Promise<Pause> {
  // What is set when a namespace is made cannot come from the pool.
  const pooled = config.sysctls ? undefined : await takePooled(context, pool, config);
  return pooled ?? makeFor(context, config);
}

/** Taking one is renaming it: one step for the engine, so that after a crash it is either taken or not. */
async function takePooled(context: Context, pool: Pool<Pause>, config: SandboxConfig): Promise<Pause | undefined> {
  for (let pause = await pool.take(); pause; pause = await pool.take()) {
    const { id, name } = pause;
    try {
      const taken = context.names.sandbox(config.id);
      await context.records.put(config.id, recordOf(config));
      const [, alive] = await Promise.all([
        context.engine.call((docker) => docker.getContainer(name).rename({ name: taken })),
        isRunning(context, id),
        context.filter.admit(pause.ipv4Address, config.group),
      ]);
      context.leases.rename(name, taken);
      if (alive) return pause;
      // The engine was restarted since it was made.
      await removeContainerById(context, id);
      await releaseAddress(context, taken);
    } catch (error) {
      // 404: somebody removed it or took it, so the next one.
      if (statusOf(error) === 404) continue;
      if (!pool.adopt(pause)) await discardPooled(context, pause);
      if (statusOf(error) === 409) return existingPause(context, config);
      throw error;
    }
  }
  return undefined;
}

async function isRunning({ engine }: Context, id: string): Promise<boolean> {
  return (await engine.call((docker) => docker.getContainer(id).inspect())).State.Running;
}

async function makeFor(context: Context, config: SandboxConfig): Promise<Pause> {
  try {
    context.records.remember(config.id, recordOf(config));
    return await makePause(context, {
      name: context.names.sandbox(config.id),
      sysctls: config.sysctls,
      labels: { ...config.labels, [SANDBOX]: config.id, [RECORD]: JSON.stringify(recordOf(config)) },
    });
  } catch (error) {
    if (statusOf(error) === 409) return existingPause(context, config);
    throw error;
  }
}

/** A creation that was begun before: finished here when it was not. */
async function existingPause(context: Context, config: SandboxConfig): Promise<Pause> {
  const name = context.names.sandbox(config.id);
  const info = await context.engine.call((docker) => docker.getContainer(name).inspect());
  if (info.Config.Labels[OWNER] !== context.names.owner)
    throw new DriverError('create', `A container named ${name} is there already and is not ours.`);
  const facts = factsOfInspected(info);
  const address = addressOf(context, facts);
  if (address !== undefined) context.leases.hold(address, name);
  try {
    return (await pauseOf(context, facts)) ?? (await startPause(context, info.Id, config.sysctls));
  } catch (error) {
    if (!(error instanceof AddressTakenError)) throw error;
  }
  await removeContainerById(context, info.Id);
  return makeFor(context, config);
}

/** Makes one for the pool. */
export function makePooled(context: Context): Promise<Pause> {
  return makePause(context, { name: context.names.pooled(randomBytes(6).toString('hex')), labels: {} });
}

export async function discardPooled(context: Context, { id, name }: Pause): Promise<void> {
  await removeContainerById(context, id);
  await releaseAddress(context, name);
}

/** The record of a sandbox, from wherever it is kept; undefined: no such sandbox. */
export async function findRecord(context: Context, id: string): Promise<SandboxRecord | undefined> {
  const kept = await context.records.get(id);
  if (kept) return kept;
  try {
    const info = await context.engine.call((docker) => docker.getContainer(context.names.sandbox(id)).inspect());
    const record = parseRecord(info.Config.Labels[RECORD]);
    if (record || context.cgroups.enforced) return record ?? { labels: {}, limits: {} };
  } catch (error) {
    if (statusOf(error) !== 404) throw failure('engine', error);
    return undefined;
  }
  throw new DriverError('create', `The limits of sandbox ${id} are not known any more; remove it and make it again.`);
}

/** Kills and removes everything that belongs to the sandbox. */
export async function removeSandbox(context: Context, id: string): Promise<void> {
  const { engine, names, cgroups, records } = context;
  try {
    const containers = await engine.call((docker) =>
      docker.listContainers({ all: true, filters: { label: [`${OWNER}=${names.owner}`, `${SANDBOX}=${id}`] } }),
    );
    // One from the pool has no label that says whose it is; its name does.
    const ids = new Set([names.sandbox(id), ...containers.map(({ Id }) => Id)]);
    for (const { Id, Names } of containers) if (Names.includes(`/${names.sandbox(id)}`)) ids.delete(Id);
    for (const each of ids) context.ends.stopped.add(each);
    await Promise.all([...ids].map((each) => removeContainerById(context, each, id)));
    for (const each of ids) forget(context, each);
    await Promise.all([cgroups.remove(id), releaseAddress(context, names.sandbox(id))]);
    await records.remove(id);
  } catch (error) {
    throw failure('engine', error);
  }
}

function forget({ ends }: Context, containerId: string): void {
  ends.stopped.delete(containerId);
  ends.started.delete(containerId);
}
