import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  addCredentials,
  CredentialFileError,
  createCredentialSource,
  loadOrCreateCredentials,
} from '../../api/credentials.ts';

const account = '000000000000';
let folder: string;
let dataDir: string;
const file = () => join(dataDir, 'credentials.json');
const mode = async (path: string) => (await stat(path)).mode & 0o777;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-credentials-'));
  dataDir = join(folder, 'data');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('keys have the form of AWS keys, in a file that only its owner reads', async () => {
  const key = await loadOrCreateCredentials(dataDir, account);
  expect(key).toEqual({
    accessKeyId: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/),
    secretAccessKey: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/),
    accountId: account,
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
  });
  expect(await mode(dataDir)).toBe(0o700);
  expect(await mode(file())).toBe(0o600);
  expect(await readdir(dataDir)).toEqual(['credentials.json']);
});

test('a second start finds the same keys and closes a file that was opened to others', async () => {
  const key = await loadOrCreateCredentials(dataDir, account);
  await chmod(file(), 0o644);
  expect(await loadOrCreateCredentials(dataDir, account)).toEqual(key);
  expect(await mode(file())).toBe(0o600);
});

test('starts at once make one set of keys', async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, () => loadOrCreateCredentials(dataDir, account)));
  expect(new Set(keys.map(({ accessKeyId }) => accessKeyId)).size).toBe(1);
  expect(JSON.parse(await readFile(file(), 'utf8')).credentials).toHaveLength(1);
});

test('keys added at once are all kept, each with its account', async () => {
  const accounts = Array.from({ length: 10 }, (_, index) => String(index).padStart(12, '1'));
  await Promise.all(accounts.map((id) => addCredentials(dataDir, id)));
  const { credentials } = JSON.parse(await readFile(file(), 'utf8'));
  expect(credentials.map(({ accountId }: { accountId: string }) => accountId).sort()).toEqual(accounts);
  await expect(addCredentials(dataDir, '12')).rejects.toThrow('An account id has twelve digits, but "12" has not.');
});

test('an account without keys gets its own beside the others', async () => {
  const first = await loadOrCreateCredentials(dataDir, account);
  const other = await loadOrCreateCredentials(dataDir, '222222222222');
  expect(other).not.toEqual(first);
  expect(await loadOrCreateCredentials(dataDir, account)).toEqual(first);
});

test('a lock that a dead process left is broken', async () => {
  await mkdir(dataDir, { recursive: true });
  const lock = `${file()}.lock`;
  await writeFile(lock, '');
  await utimes(lock, 0, 0);
  const keys = await Promise.all([
    loadOrCreateCredentials(dataDir, account),
    loadOrCreateCredentials(dataDir, account),
  ]);
  expect(keys[0]).toEqual(keys[1]);
  expect(await readdir(dataDir)).toEqual(['credentials.json']);
});

test.each([
  ['', 'is not valid JSON'],
  ['{"credentials":[{"accessKeyId":"', 'is not valid JSON'],
  ['{}', 'does not hold a list of keys'],
  ['{"credentials":[{"accessKeyId":"A"}]}', 'does not hold a list of keys'],
])('a broken file is reported and left as it is: %s', async (text, message) => {
  await mkdir(dataDir, { recursive: true });
  await writeFile(file(), text);
  const loading = loadOrCreateCredentials(dataDir, account);
  await expect(loading).rejects.toThrow(CredentialFileError);
  await expect(loading).rejects.toThrow(message);
  expect(await readFile(file(), 'utf8')).toBe(text);
});

describe('the source', () => {
  test('takes a key that was added later, and does not look again at once', async () => {
    let now = 0;
    const source = createCredentialSource(dataDir, { clock: () => now, patience: 1000 });
    expect(await source.find('AKIA')).toBeUndefined();
    const key = await addCredentials(dataDir, account);
    now = 999;
    expect(await source.find(key.accessKeyId)).toBeUndefined();
    now = 1000;
    expect(await source.find(key.accessKeyId)).toEqual(key);
    const second = await addCredentials(dataDir, account);
    now = 2000;
    // Requests that come while the file is being read wait for it.
    expect(await Promise.all([source.find(second.accessKeyId), source.find(second.accessKeyId)])).toEqual([
      second,
      second,
    ]);
    expect(await source.find(key.accessKeyId)).toEqual(key);
  });

  test('knows nothing of object prototypes', async () => {
    await addCredentials(dataDir, account);
    const source = createCredentialSource(dataDir);
    expect(await source.find('__proto__')).toBeUndefined();
    expect(await source.find('constructor')).toBeUndefined();
  });
});
