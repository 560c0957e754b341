/**
 * Snapshots: a machine of each size, booted once and saved while it waits for its first order. Clones start from its
 * memory, each with a private copy of what it writes.
 */
import { randomUUID } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Agent, greetAgent } from './agent.ts';
import { isThere } from './is-there.ts';
import { killProcessesOf, uidOf } from './processes.ts';
import type { MachineSize, Vmm } from './vmm.ts';
import { warmUp } from './warm-up.ts';

/** Milliseconds until a machine that boots must answer: seconds under emulation, more on a busy host. */
const PATIENCE = 120_000;
/** Milliseconds without use. */
const KEPT_FOR = 24 * 3_600_000;

export interface BootTimes {
  /** Milliseconds that the guest's kernel ran before its first process, the agent. */
  readonly kernel: number;
  /** Milliseconds until the monitor answered, until the agent did, and until the machine was saved. */
  readonly monitor: number;
  readonly agent: number;
  readonly saved: number;
}

export interface Snapshots {
  /** Folder of the snapshot for a size, made when there is none. @throws DriverError kind engine */
  of(size: MachineSize): Promise<string>;
  /** Forgets one that could not be restored. */
  discard(size: MachineSize): Promise<void>;
  /** How long the newest one took to make; undefined: none was made by this process. */
  times(): BootTimes | undefined;
}

export function openSnapshots(vmm: Vmm, folder: string): Snapshots {
  const making = new Map<string, Promise<string>>();
  let newest: BootTimes | undefined;
  const pathOf = ({ cpus, memory }: MachineSize) => join(folder, `${vmm.identity}-${cpus}-${memory}`);

  const make = async (size: MachineSize) => {
    const path = pathOf(size);
    const now = new Date();
    if (await isThere(path)) {
      await utimes(path, now, now);
      return path;
    }
    const work = join(folder, `new-${randomUUID()}`);
    try {
      await sweep();
      newest = await bootAndSave(vmm, size, { folder: work, patience: PATIENCE });
      const disks = join(work, 'disks');
      // Clones may read it, and nobody may write.
      for (const name of ['memory', 'state']) {
        await chown(join(disks, name), 0, 0);
        await chmod(join(disks, name), 0o444);
      }
      await rm(join(disks, 'scratch'));
      await rename(disks, path);
    } catch (error) {
      if (!(await isThere(path))) throw error;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    return path;
  };

  /** What nobody used for long, because something that shapes a guest has changed. */
  const sweep = async () => {
    const names = await readdir(folder);
    const old = await Promise.all(
      names.map(async (name) => {
        const info = await stat(join(folder, name)).catch(() => undefined);
        const unused = info !== undefined && Date.now() - info.mtimeMs > KEPT_FOR && !name.startsWith(vmm.identity);
        return unused ? [name] : [];
      }),
    );
    for (const name of old.flat()) await rm(join(folder, name), { recursive: true, force: true });
  };

  return {
    async of(size) {
      const path = pathOf(size);
      const running = making.get(path) ?? make(size).finally(() => making.delete(path));
      making.set(path, running);
      return await running;
    },
    discard: async (size) => await rm(pathOf(size), { recursive: true, force: true }),
    times: () => newest,
  };
}

export interface BootPlace {
  /** What is in its folder `disks` afterwards is the snapshot; not made yet. */
  readonly folder: string;
  /** Milliseconds until the agent must answer. */
  readonly patience: number;
}

export async function bootAndSave(vmm: Vmm, size: MachineSize, place: BootPlace): Promise<BootTimes> {
  const { folder: work, patience } = place;
  const name = `longshore-boot-${randomUUID()}`;
  const uid = uidOf(name);
  const start = performance.now();
  const since = () => Math.round(performance.now() - start);
  const disks = join(work, 'disks');
  await mkdir(join(work, 'root'), { recursive: true });
  await mkdir(disks);
  for (const file of ['memory', 'state', 'scratch']) {
    await writeFile(join(disks, file), '');
    await chown(join(disks, file), uid, uid);
  }
  await truncate(join(disks, 'memory'), size.memory * 2 ** 20);
  // Larger than any disk that may take its place: a clone keeps the size that the first one saw.
  await truncate(join(disks, 'scratch'), 2 ** 42);
  let agent: Agent | undefined;
  try {
    const monitor = await vmm.start({
      size,
      origin: { kind: 'boot', saved: true },
      folder: work,
      name,
      tap: { name: `longs-s${randomUUID().slice(0, 8)}` },
      groups: [],
    });
    const answered = since();
    agent = await greetAgent(await monitor.connect(0), patience);
    const alive = since();
    const [kernel] = await agent.call('began');
    await warmUp(agent);
    await monitor.save('state');
    return { kernel: Number(kernel), monitor: answered, agent: alive, saved: since() };
  } finally {
    agent?.close();
    await killProcessesOf(name);
  }
}
