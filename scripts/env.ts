/** `longshore env`: the lines that point AWS clients at the instance of a data directory. */
import { loadOrCreateCredentials } from '../api/credentials.ts';
import { Failure } from './failure.ts';
import { type Instance, readInstance } from './instance.ts';

/** For the instance that runs or last ran. @throws Failure when none ever did */
export async function printEnv(dataDir: string, print: (text: string) => void): Promise<void> {
  const instance = readInstance(dataDir);
  if (instance === undefined)
    throw new Failure(
      `No instance was ever started in ${dataDir}: run \`longshore start\`, or name another --data-dir.`,
    );
  print(await exportBlock(dataDir, instance));
}

/** One `export NAME=value` a line. */
export async function exportBlock(
  dataDir: string,
  { endpoint, region, accountId }: Pick<Instance, 'endpoint' | 'region' | 'accountId'>,
): Promise<string> {
  const { accessKeyId, secretAccessKey } = await loadOrCreateCredentials(dataDir, accountId);
  return exportLines({
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    // What the first generation of the AWS CLI and boto3 read instead.
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  });
}

export function exportLines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quote(value)}`)
    .join('\n');
}

/** As a POSIX shell reads one word. */
function quote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
