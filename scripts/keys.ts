/** `longshore keys`: more key pairs, each belonging to an account. */
import { join } from 'node:path';
import { addCredentials, type Credential } from '../api/credentials.ts';
import { exportLines } from './env.ts';
import { readJson } from './files.ts';
import { makeDataDirectory } from './instance.ts';

/** A running API knows the new key at its first use. */
export async function addKey(dataDir: string, accountId: string, print: (text: string) => void): Promise<void> {
  makeDataDirectory(dataDir);
  const { accessKeyId, secretAccessKey } = await addCredentials(dataDir, accountId);
  print(exportLines({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }));
}

/** Never prints a secret. */
export function listKeys(dataDir: string, print: (text: string) => void): void {
  const file = readJson<{ readonly credentials: readonly Credential[] }>(join(dataDir, 'credentials.json'));
  for (const { accessKeyId, accountId, createdAt } of file?.credentials ?? [])
    print([accessKeyId, accountId, createdAt ?? ''].join('  '));
}
