/** `longshore env`: the lines that point AWS clients at the instance of a data directory. */
import { loadOrCreateCredentials } from '../api/credentials.ts';
import { defaultDataDir, type Settings } from '../core/settings.ts';
import { Failure } from './failure.ts';
import { endpointOf, type Instance, isRunning, readInstance } from './instance.ts';
import { residents } from './residents.ts';

type Place = Pick<Instance, 'endpoint' | 'region' | 'accountId'>;

/**
 * For the instance that runs, an API that runs apart, or the instance that last ran; what is `given` wins over what
 * these noted of themselves.
 * @throws Failure when none ever did
 */
export async function printEnv(
  settings: Settings,
  given: ReadonlySet<keyof Settings>,
  print: (text: string) => void,
): Promise<void> {
  const { dataDir, region, accountId } = settings;
  const endpoint = given.has('host') || given.has('port') ? endpointOf(settings) : undefined;
  const noted = findPlace(dataDir) ?? (endpoint === undefined ? undefined : { endpoint, region, accountId });
  if (noted === undefined)
    throw new Failure(
      `No instance was ever started in ${dataDir}: run \`longshore start\`, or name another --data-dir.`,
    );
  const place = {
    endpoint: endpoint ?? noted.endpoint,
    region: given.has('region') ? region : noted.region,
    accountId: given.has('accountId') ? accountId : noted.accountId,
  };
  print(await exportBlock(dataDir, place));
}

function findPlace(dataDir: string): Place | undefined {
  if (isRunning(dataDir)) return readInstance(dataDir);
  return residents(dataDir).find(({ role }) => role === 'api') ?? readInstance(dataDir);
}

/** One `export NAME=value` a line. */
export async function exportBlock(dataDir: string, { endpoint, region, accountId }: Place): Promise<string> {
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

/** What to run in another shell, which has not got this one's settings. */
export function envCommand(dataDir: string): string {
  const option = dataDir === defaultDataDir() ? '' : ` --data-dir ${quote(dataDir)}`;
  return `eval "$(npx longshore env${option})"`;
}

/** As a POSIX shell reads one word. */
function quote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
