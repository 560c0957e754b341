/** The file that holds the key of everything secret in Redis. Redis itself never sees the key. */
import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Settings } from '../settings.ts';

/** AES-256. */
const keyBytes = 32;

/** The key file is missing or cannot be used; the message is a sentence for the operator. */
export class SecretsKeyError extends Error {
  override readonly name = 'SecretsKeyError';
}

/** `secrets.key` in the data directory, unless a setting names another file. */
export function secretsKeyPath({ secretsKey, dataDir }: Pick<Settings, 'secretsKey' | 'dataDir'>): string {
  return secretsKey ?? join(dataDir, 'secrets.key');
}

/** Makes the file when there is none; processes that start at once get the same key. */
export async function loadOrCreateSecretsKey(path: string): Promise<Buffer> {
  if ((await stat(path).catch(unlessAbsent)) === undefined) await create(path);
  return await readSecretsKey(path);
}

/**
 * For processes that only read secrets: a key of their own would open nothing.
 * @throws SecretsKeyError
 */
export async function readSecretsKey(path: string): Promise<Buffer> {
  const facts = await stat(path).catch(unlessAbsent);
  if (facts === undefined)
    throw new SecretsKeyError(
      `There is no key file ${path}: copy the API's here, or point LONGSHORE_SECRETS_KEY to where it is.`,
    );
  if ((facts.mode & 0o007) !== 0)
    throw new SecretsKeyError(`Everybody can read the key file ${path}; take that right away (chmod 600).`);
  const text = (await readFile(path, 'utf8')).trim();
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new SecretsKeyError(`The key file ${path} does not hold a key of ${keyBytes} bytes in hexadecimal digits.`);
  return Buffer.from(text, 'hex');
}

/** A link fails when the name is taken, so the first one wins and nobody ever reads half a key. */
async function create(path: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomUUID()}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${randomBytes(keyBytes).toString('hex')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(temporary, 0o600);
    await link(temporary, path).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
  } finally {
    await rm(temporary, { force: true });
  }
  const directory = await open(folder, 'r');
  try {
    // What is sealed with a key must not outlive it.
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function unlessAbsent(error: unknown): undefined {
  if (hasCode(error, 'ENOENT')) return undefined;
  throw error;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
