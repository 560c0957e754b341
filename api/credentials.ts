/**
 * The key file, `credentials.json` in the data directory: who may call, and which account each key belongs to.
 * Only its owner reads it. It is replaced as a whole, so that a reader never sees half of it.
 */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '../core/clock.ts';
import { isTemporary, type SessionIssuer } from '../core/session-credentials.ts';

export interface Credential {
  /** `AKIA` and sixteen of A-Z and 2-7. */
  readonly accessKeyId: string;
  /** Forty characters. */
  readonly secretAccessKey: string;
  /** Twelve digits. */
  readonly accountId: string;
  /** ISO 8601; of keys in the file. */
  readonly createdAt?: string;
  /** Given: requests must carry it too. */
  readonly sessionToken?: string;
  /** ARN of the principal. Default: the account's root. */
  readonly arn?: string;
  /** Of temporary credentials: their end, milliseconds since the epoch. */
  readonly expiresAt?: number;
}

export interface CredentialSource {
  /** @param sessionToken as the request has it; temporary credentials are found by it */
  find(accessKeyId: string, sessionToken?: string): Promise<Credential | undefined>;
}

/** The key file cannot be used; the message is a sentence for the user. */
export class CredentialFileError extends Error {
  override readonly name = 'CredentialFileError';
}

/** The account's first key pair; makes one when it has none. Processes that start at once get the same. */
export async function loadOrCreateCredentials(dataDir: string, accountId: string): Promise<Credential> {
  const known = (await readCredentials(dataDir)).find((credential) => credential.accountId === accountId);
  if (known) {
    await chmod(pathOf(dataDir), 0o600);
    return known;
  }
  return append(dataDir, accountId, (all) => all.find((credential) => credential.accountId === accountId));
}

/** Makes one more key pair for the account, which may be a new one. A running API takes it at its first use. */
export async function addCredentials(dataDir: string, accountId: string): Promise<Credential> {
  return append(dataDir, accountId, () => undefined);
}

/**
 * Keys by id, in memory. An unknown key makes it look whether the file changed, at most once in
 * `patience` milliseconds, so that wrong keys cost nothing.
 */
export function createCredentialSource(
  dataDir: string,
  { clock = systemClock, patience = 1000 }: { readonly clock?: Clock; readonly patience?: number } = {},
): CredentialSource {
  let known: ReadonlyMap<string, Credential> = new Map();
  let version: string | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    const now = await fileVersion(pathOf(dataDir));
    if (now === version) return;
    known = new Map((await readCredentials(dataDir)).map((credential) => [credential.accessKeyId, credential]));
    version = now;
  }

  return {
    async find(accessKeyId) {
      const found = known.get(accessKeyId);
      if (found) return found;
      if (!looking && clock() - lookedAt >= patience) {
        lookedAt = clock();
        looking = look().finally(() => {
          looking = undefined;
        });
      }
      await looking;
      return known.get(accessKeyId);
    },
  };
}

/** Temporary credentials, beside those of another source. */
export function withSessions(keys: CredentialSource, sessions: SessionIssuer): CredentialSource {
  return {
    async find(accessKeyId, sessionToken) {
      if (!isTemporary(accessKeyId) || sessionToken === undefined) return await keys.find(accessKeyId, sessionToken);
      const session = await sessions.open(accessKeyId, sessionToken);
      return session && { ...session, accessKeyId, sessionToken };
    },
  };
}

async function append(
  dataDir: string,
  accountId: string,
  enough: (all: readonly Credential[]) => Credential | undefined,
): Promise<Credential> {
  if (!/^\d{12}$/.test(accountId))
    throw new CredentialFileError(`An account id has twelve digits, but "${accountId}" has not.`);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  return withLock(`${pathOf(dataDir)}.lock`, async () => {
    const all = await readCredentials(dataDir);
    const existing = enough(all);
    if (existing) return existing;
    const created = newCredential(accountId);
    await replace(dataDir, `${JSON.stringify({ credentials: [...all, created] }, null, 2)}\n`);
    return created;
  });
}

function newCredential(accountId: string): Credential {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const id = Array.from({ length: 16 }, () => letters.charAt(randomInt(letters.length))).join('');
  return {
    accessKeyId: `AKIA${id}`,
    secretAccessKey: randomBytes(30).toString('base64'),
    accountId,
    createdAt: new Date().toISOString(),
  };
}

function pathOf(dataDir: string): string {
  return join(dataDir, 'credentials.json');
}

async function readCredentials(dataDir: string): Promise<readonly Credential[]> {
  const path = pathOf(dataDir);
  const text = await orAbsent(readFile(path, 'utf8'));
  if (text === undefined) return [];
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new CredentialFileError(`${path} is not valid JSON; repair it, or remove it to have new keys made.`, {
      cause: error,
    });
  }
  const list = typeof content === 'object' && content !== null && 'credentials' in content && content.credentials;
  if (!Array.isArray(list) || !list.every(isCredential))
    throw new CredentialFileError(
      `${path} does not hold a list of keys; repair it, or remove it to have new ones made.`,
    );
  return list;
}

function isCredential(value: unknown): value is Credential {
  if (typeof value !== 'object' || value === null) return false;
  const { accessKeyId, secretAccessKey, accountId, sessionToken, arn } = value as Record<string, unknown>;
  const text = (item: unknown) => typeof item === 'string' && item !== '';
  const optional = (item: unknown) => item === undefined || text(item);
  return (
    text(accessKeyId) &&
    text(secretAccessKey) &&
    typeof accountId === 'string' &&
    /^\d{12}$/.test(accountId) &&
    optional(sessionToken) &&
    optional(arn)
  );
}

/** Writes beside the file, then renames: after a crash either the old or the new one is whole. */
async function replace(dataDir: string, text: string): Promise<void> {
  const path = pathOf(dataDir);
  const temporary = `${path}.${randomUUID()}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const directory = await open(dataDir, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Milliseconds after which a lock is taken for one that a dead process left; holding it takes a few. */
const staleAfter = 10_000;

/** Runs `work` while no other process does, by a file that only one can create. */
async function withLock<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  while (!(await createLock(path))) {
    const held = await orAbsent(stat(path));
    if (held && Date.now() - held.mtimeMs > staleAfter) await breakLock(path, held.ino);
    else await delay(10);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function createLock(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx', 0o600)).close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Renaming succeeds for one process only; a lock that someone else made meanwhile goes back to its place. */
async function breakLock(path: string, inode: number): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  await orAbsent(rename(path, aside));
  const taken = await orAbsent(stat(aside));
  if (taken && taken.ino !== inode) await rename(aside, path);
  else await rm(aside, { force: true });
}

async function fileVersion(path: string): Promise<string | undefined> {
  const found = await orAbsent(stat(path));
  return found && `${found.ino}:${found.size}:${found.mtimeMs}`;
}

async function orAbsent<Value>(pending: Promise<Value>): Promise<Value | undefined> {
  try {
    return await pending;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
