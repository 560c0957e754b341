/** What a data directory says about the instance that runs (or last ran) in it: files in `run/` and its lasting id. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity } from '../core/process-identity.ts';
import type { Settings } from '../core/settings.ts';
import { Failure } from './failure.ts';
import { createJson, readJson, replaceJson } from './files.ts';
import { type Lock, LockHeldError, lockHolder, takeLock } from './lock.ts';
import { signalProcess, waitForEnd } from './processes.ts';

/** `run/supervisor.json`; stays after a stop, so that `longshore env` can repeat it. */
export interface Instance extends ProcessIdentity {
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
}

export interface RedisProcess extends ProcessIdentity {
  readonly url: string;
}

type ProcessName = 'api' | 'worker' | 'redis';

/** Makes the folders of a data directory. */
export function makeDataDirectory(dataDir: string): void {
  for (const folder of ['', 'run', 'logs']) makeFolder(join(dataDir, folder));
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Failure(
      `The data directory cannot be made (${(error as Error).message}); choose another with --data-dir or LONGSHORE_DATA_DIR.`,
    );
  }
}

/** @throws Failure when an instance runs in it, saying where it is and what to do */
export function lockDataDirectory(dataDir: string): Lock {
  try {
    return takeLock(runFolder(dataDir));
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    throw new Failure(alreadyRunning(dataDir, error.holder));
  }
}

function alreadyRunning(dataDir: string, holder: ProcessIdentity): string {
  const instance = readInstance(dataDir);
  const where = instance?.pid === holder.pid ? ` at ${instance.endpoint}` : '';
  return (
    `Longshore is already running${where} (pid ${holder.pid}, data directory ${dataDir}): use it, stop it with ` +
    `\`kill ${holder.pid}\`, or start another with its own --port and --data-dir.`
  );
}

/** True while a supervisor (or another command that needs it alone) has the data directory. */
export function isRunning(dataDir: string): boolean {
  return readInstance(dataDir) !== undefined && lockHolder(runFolder(dataDir)) !== undefined;
}

export function readInstance(dataDir: string): Instance | undefined {
  return readJson<Instance>(join(runFolder(dataDir), 'supervisor.json'));
}

export function writeInstance(settings: Settings): void {
  replaceJson(join(runFolder(settings.dataDir), 'supervisor.json'), {
    ...identify(process.pid),
    endpoint: endpointOf(settings),
    region: settings.region,
    accountId: settings.accountId,
  });
}

/** Notes a child process, so that the next start (and tests) can find it. */
export function noteProcess(
  dataDir: string,
  name: ProcessName,
  pid: number,
  facts: { readonly url?: string } = {},
): void {
  const identity = identify(pid);
  if (identity === undefined) return;
  try {
    replaceJson(join(runFolder(dataDir), `${name}.json`), { ...identity, ...facts });
  } catch {
    // A full disk must not keep a process from being started again; only the next start would miss the note.
  }
}

export function forgetProcess(dataDir: string, name: ProcessName): void {
  rmSync(join(runFolder(dataDir), `${name}.json`), { force: true });
}

/** The embedded Redis of this data directory, when it is alive. */
export function findRedis(dataDir: string): RedisProcess | undefined {
  const redis = readJson<RedisProcess>(join(runFolder(dataDir), 'redis.json'));
  return redis !== undefined && isAlive(redis) ? redis : undefined;
}

/** Address for clients on this machine. */
export function endpointOf(settings: Settings): string {
  const everywhere = ['0.0.0.0', '::', ''].includes(settings.host);
  const host = everywhere ? '127.0.0.1' : settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  return `http://${host}:${settings.port}`;
}

/** Eight hex digits, made once for a data directory: the owner's mark on everything that Longshore makes on the host. */
export function installationId(dataDir: string): string {
  const path = join(dataDir, 'installation.json');
  makeFolder(dataDir);
  createJson(path, { id: randomBytes(4).toString('hex') });
  const id = readInstallationId(dataDir);
  if (id === undefined || !/^[0-9a-f]{8}$/.test(id)) throw new Failure(`${path} does not hold an installation id.`);
  return id;
}

/** undefined: nothing was ever started in this data directory. */
export function readInstallationId(dataDir: string): string | undefined {
  return readJson<{ readonly id: string }>(join(dataDir, 'installation.json'))?.id;
}

export function runFolder(dataDir: string): string {
  return join(dataDir, 'run');
}

/**
 * Waits for the child of a killed supervisor, which closes by itself, and then ends it. The caller holds the lock, so
 * that it cannot be a living supervisor's.
 */
export async function endLeftOver(dataDir: string, name: ProcessName): Promise<void> {
  const child = readJson<ProcessIdentity>(join(runFolder(dataDir), `${name}.json`));
  if (child === undefined || (await waitForEnd(child, 5_000))) return;
  signalProcess(child, 'SIGKILL');
  await waitForEnd(child, 5_000);
}
