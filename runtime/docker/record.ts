/** What must be remembered of a sandbox beyond what the engine knows of it. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Limits, SandboxConfig, VolumeConfig } from '../driver.ts';

export interface SandboxRecord {
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: Limits;
  /** The containers to come, with their own limits. */
  readonly containers?: readonly { readonly name: string; readonly limits: Limits }[];
  readonly volumes?: readonly VolumeConfig[];
  readonly group?: string;
}

/**
 * A sandbox made for one caller carries its record as a label. One from the warm pool cannot, as labels never change:
 * its record is a file here, and once containers are in it a label on each of them.
 */
export interface Records {
  /** For this process alone. */
  remember(sandboxId: string, record: SandboxRecord): void;
  put(sandboxId: string, record: SandboxRecord): Promise<void>;
  get(sandboxId: string): Promise<SandboxRecord | undefined>;
  remove(sandboxId: string): Promise<void>;
  /** Those that outlive this process. */
  list(): Promise<readonly string[]>;
}

export function recordOf({ labels, limits, containers, volumes, group }: SandboxConfig): SandboxRecord {
  return { labels, limits, containers: containers?.map(({ name, limits }) => ({ name, limits })), volumes, group };
}

export function parseRecord(text: string | undefined): SandboxRecord | undefined {
  return text ? (JSON.parse(text) as SandboxRecord) : undefined;
}

/** Without a folder records last as long as this process. */
export function openRecords(directory: string | undefined): Records {
  const known = new Map<string, SandboxRecord>();
  const files = directory === undefined ? undefined : recordFiles(directory);
  return {
    remember: (id, record) => void known.set(id, record),
    async put(id, record) {
      await files?.put(id, record);
      known.set(id, record);
    },
    get: async (id) => known.get(id) ?? files?.get(id),
    async remove(id) {
      known.delete(id);
      await files?.remove(id);
    },
    list: async () => (await files?.list()) ?? [],
  };
}

function recordFiles(directory: string): Omit<Records, 'remember'> {
  const fileOf = (id: string) => join(directory, `${id}.json`);
  let made: Promise<unknown> | undefined;
  return {
    async put(id, record) {
      made ??= mkdir(directory, { recursive: true, mode: 0o700 });
      await made;
      await writeFile(`${fileOf(id)}.new`, JSON.stringify(record), { mode: 0o600 });
      await rename(`${fileOf(id)}.new`, fileOf(id));
    },
    get: async (id) => parseRecord(await absentAs(undefined, readFile(fileOf(id), 'utf8'))),
    remove: (id) => rm(fileOf(id), { force: true }),
    list: async () => {
      const names = await absentAs<string[]>([], readdir(directory));
      return names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
    },
  };
}

async function absentAs<T>(otherwise: T, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw error;
  }
}
