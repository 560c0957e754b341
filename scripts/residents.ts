/**
 * API and worker processes that use a data directory, each with a note in `run/`. A process writes its note first and
 * looks at the others then, so of two that must not be there together at least one sees the other.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, ownProcess, type ProcessIdentity } from '../core/process-identity.ts';
import type { Settings } from '../core/settings.ts';
import { Failure } from './failure.ts';
import { readJson, replaceJson } from './files.ts';
import { endpointOf, type Instance, readInstance, runFolder } from './instance.ts';
import { lockHolder } from './lock.ts';

export interface Resident extends Instance {
  readonly role: 'api' | 'worker';
  readonly workerName: string;
  readonly redisUrl: string;
}

/**
 * Notes this process; returns how to take the note away.
 * @throws Failure beside a worker of another name or Redis, and while somebody cleans
 */
export function moveIn(role: Resident['role'], settings: Settings, redisUrl: string): () => void {
  const { dataDir, workerName, region, accountId } = settings;
  const own = ownProcess();
  const path = join(runFolder(dataDir), `${role}.${own.pid}.json`);
  const leave = () => rmSync(path, { force: true });
  mkdirSync(runFolder(dataDir), { recursive: true, mode: 0o700 });
  const note: Resident = { ...own, role, workerName, redisUrl, region, accountId, endpoint: endpointOf(settings) };
  replaceJson(path, note);
  try {
    refuseBesideOthers(dataDir, note);
  } catch (error) {
    leave();
    throw error;
  }
  return leave;
}

/** Those that are alive; what dead ones left is removed. */
export function residents(dataDir: string): readonly Resident[] {
  return notes(dataDir).flatMap((path) => {
    const resident = readNote(path);
    if (resident !== undefined && isAlive(resident)) return [resident];
    rmSync(path, { force: true });
    return [];
  });
}

function refuseBesideOthers(dataDir: string, own: Resident): void {
  const holder = lockHolder(runFolder(dataDir));
  if (holder !== undefined && holder.pid !== readInstance(dataDir)?.pid)
    throw new Failure(
      `Process ${holder.pid} starts or cleans in ${dataDir} at this moment: try again when it has done so.`,
    );
  if (own.role !== 'worker') return;
  const other = residents(dataDir).find((one) => one.role === 'worker' && !isSameWorker(one, own));
  if (other !== undefined)
    throw new Failure(
      `Worker ${other.workerName} (process ${other.pid}) uses the data directory ${dataDir} already: give worker ${own.workerName} one of its own with --data-dir.`,
    );
}

/** Which of two processes of one name may be it, Redis decides. */
function isSameWorker(one: Resident, other: Resident): boolean {
  return one.workerName === other.workerName && one.redisUrl === other.redisUrl;
}

function notes(dataDir: string): readonly string[] {
  try {
    const names = readdirSync(runFolder(dataDir)).filter((name) => /^(api|worker)\.\d+\.json$/.test(name));
    return names.map((name) => join(runFolder(dataDir), name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function readNote(path: string): (Resident & ProcessIdentity) | undefined {
  try {
    return readJson<Resident>(path);
  } catch (error) {
    // A power cut can leave an empty file; its writer is gone then.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
