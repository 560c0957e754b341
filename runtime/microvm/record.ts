/** What is known of a machine, in its folder: another process goes on with it. Written whole, or not at all. */
import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerExit, Limits } from '../driver.ts';
import type { MachineSize } from './vmm.ts';

export interface MachineRecord {
  readonly address: string;
  readonly size: MachineSize;
  /** Absent while nobody has taken it, and while it is being made. */
  readonly sandbox?: SandboxRecord;
  /** Keys of the images in its slots. */
  readonly images: readonly string[];
  readonly containers: Readonly<Record<string, ContainerRecord>>;
  /** Why it no longer runs. */
  readonly ended?: { readonly reason: string; readonly at: number };
}

export interface SandboxRecord {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: Limits;
  /** Those of one group reach each other. */
  readonly group?: string;
  /** Names of its volumes, each in the folder of its index. */
  readonly volumes: readonly string[];
  /** Indexes of those whose files lie outside of the machine; absent: none. */
  readonly outside?: readonly number[];
}

export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly imageDigest: string;
  readonly stopSignal: string;
  readonly tty: boolean;
  readonly stdinOpen: boolean;
  /** Bytes of output that are kept. */
  readonly logCapacity: number;
  readonly mounts: readonly RecordedMount[];
  /** Set once it was seen. */
  readonly exit?: ContainerExit;
  readonly startedAt?: number;
}

export interface RecordedMount {
  /** Folder in the guest. */
  readonly source: string;
  readonly path: string;
  readonly readOnly: boolean;
}

const FILE = 'record.json';

export async function readRecord(folder: string): Promise<MachineRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, FILE), 'utf8')) as MachineRecord;
  } catch (error) {
    // Cut off before it was written for the first time: nothing of it ran.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function writeRecord(folder: string, record: MachineRecord): Promise<void> {
  const draft = join(folder, `${FILE}.${randomUUID()}`);
  await writeFile(draft, JSON.stringify(record), { mode: 0o600 });
  await rename(draft, join(folder, FILE));
}

export async function machineFolders(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return [];
  });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

export async function removeFolder(folder: string): Promise<void> {
  // Who was at work there may still write something.
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
