/** Every setting in one table: its flag, its environment variable, its default, and what it means. */
import { isIP, isIPv4 } from 'node:net';
import { availableParallelism, homedir, hostname, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEfsFileSystems } from './efs.ts';
import { overlap, parseRange, size } from './ipv4.ts';
import { type RuntimeName, runtimeChoices, runtimes } from './runtime-choice.ts';
import { isRegion } from './scope.ts';

export interface Settings {
  /** Address that the API listens on. */
  readonly host: string;
  /** Port of the API. */
  readonly port: number;
  /** Address at which workers reach this API process; absent: found from `host` and `port`. */
  readonly advertise: string | undefined;
  /** Seconds without input or output after which a session of ECS Exec ends. */
  readonly execIdleTimeout: number;
  /** Seconds that the client of a session may be away before what it runs is ended. */
  readonly execResumeWithin: number;
  /** Region that `longshore env` prints; requests name their own. */
  readonly region: string;
  /** Account of the first key pair. */
  readonly accountId: string;
  /** Folder of everything that must outlive a restart. Absolute. */
  readonly dataDir: string;
  /** Absent: the embedded Redis in the data directory. */
  readonly redisUrl: string | undefined;
  /** Prefix of every key in Redis; its braces keep all keys in one Redis Cluster slot. */
  readonly redisPrefix: string;
  readonly dockerHost: string | undefined;
  readonly runtime: RuntimeName;
  /** Runtime of the tasks of clusters whose tags name none; `any`: each worker takes them. */
  readonly clusterRuntime: string;
  /** Folder of kernels, snapshots and converted images of virtual machines. Absolute. */
  readonly microvmCache: string;
  /** GiB of converted images that are kept. */
  readonly imageCache: number;
  readonly workerName: string;
  /** CPU units (1024 = one core) that the worker offers. */
  readonly workerCpu: number;
  /** MiB that the worker offers. */
  readonly workerMemory: number;
  /** Factor on workerCpu: CPU that may be promised for each that exists. */
  readonly cpuOvercommit: number;
  /** Factor on workerMemory. 1: memory is never promised twice. */
  readonly memoryOvercommit: number;
  /** GiB of ephemeral storage that the worker offers; absent: what is free when it starts. */
  readonly workerDisk: number | undefined;
  /** Factor on workerDisk: tasks hold 20 GiB and more, and seldom fill them. */
  readonly diskOvercommit: number;
  /** Where EFS file systems really are: JSON, or the path of a file with it; see core/efs.ts. */
  readonly efs: string | undefined;
  /** File with the key that secrets are encrypted with; absent: secrets.key in the data directory. */
  readonly secretsKey: string | undefined;
  /** Where workers have parameters from; absent: Longshore's own Parameter Store. */
  readonly ssmEndpoint: string | undefined;
  /** Where workers have secrets from; absent: Longshore's own Secrets Manager. */
  readonly secretsManagerEndpoint: string | undefined;
  /** Where workers have environment files from; absent: Amazon S3. */
  readonly s3Endpoint: string | undefined;
  /** Seconds after RUNNING at which a service's task without a health check counts as healthy. */
  readonly serviceHealthyAfter: number;
  /** Where Lambda functions of lifecycle hooks are invoked; absent: nowhere. */
  readonly lambdaEndpoint: string | undefined;
  /** Where workers send containers' output; absent: Longshore's own CloudWatch Logs. */
  readonly logsEndpoint: string | undefined;
  /** MiB on disk that the API keeps of logs at most. */
  readonly logsLimit: number;
  /** AWS_ENDPOINT_URL of tasks: `gateway` is this API at an address that they reach, `none` leaves it out. */
  readonly taskEndpoint: string;
  /** What the names of images in the registry begin with; absent: where the API listens. */
  readonly registryHost: string | undefined;
  /** Seconds that bytes in the registry are kept which no image names. */
  readonly registryGrace: number;
  /** Whose ECR image names are Longshore's own: of accounts that exist here, of all accounts, of none. */
  readonly ecrImages: 'own' | 'all' | 'none';
  /** Who gives the credentials of task roles: `own` is this installation, `aws` AWS STS, else an STS endpoint. */
  readonly taskCredentials: string;
  /** Sandboxes kept ready. */
  readonly warmPool: number;
  /** Container starts under way at once. */
  readonly launchConcurrency: number;
  readonly pullPolicy: 'default' | 'always' | 'once' | 'prefer-cached';
  /** IPv4 range that workers lease their own ranges from. */
  readonly network: string;
  /** Prefix length of one worker's range. */
  readonly networkPrefix: number;
  /** Seconds that a stopped task stays describable. */
  readonly stoppedTaskRetention: number;
  /** Seconds without its lease after which a worker's tasks are given up; 0: never. */
  readonly workerLostAfter: number;
  /** Seconds of clock difference that a signature may have. */
  readonly clockSkew: number;
  readonly logLevel: string;
}

export interface SettingRow {
  readonly key: keyof Settings;
  readonly flag: string;
  readonly env: string;
  /** Shown in help and README where the default depends on the machine. */
  readonly defaultText: string;
  readonly description: string;
  readonly read: (text: string | undefined) => Settings[keyof Settings];
}

export const defaultDataDir = () => join(homedir(), '.longshore');

export const settingTable: readonly SettingRow[] = [
  row('host', '--host', 'LONGSHORE_HOST', '127.0.0.1', 'address that the API listens on', hostName('127.0.0.1')),
  row('port', '--port', 'LONGSHORE_PORT', '4566', 'port of the API', whole(4566, 1, 65535)),
  row(
    'advertise',
    '--advertise',
    'LONGSHORE_ADVERTISE',
    'its host and port',
    'address at which workers reach this API process, for ECS Exec: http://10.0.0.5:4566',
    address(),
  ),
  row(
    'execIdleTimeout',
    '--exec-idle-timeout',
    'LONGSHORE_EXEC_IDLE_TIMEOUT',
    '1200',
    'seconds without input or output after which a session of ECS Exec ends',
    whole(1200, 1),
  ),
  row(
    'execResumeWithin',
    '--exec-resume-within',
    'LONGSHORE_EXEC_RESUME_WITHIN',
    '60',
    'seconds that a client of ECS Exec may lose its connection for before its command is ended',
    whole(60, 1),
  ),
  row('region', '--region', 'LONGSHORE_REGION', 'us-east-1', 'region that `longshore env` prints', region('us-east-1')),
  row(
    'accountId',
    '--account',
    'LONGSHORE_ACCOUNT_ID',
    '000000000000',
    'account of the key pair made at first start',
    matching('000000000000', /^\d{12}$/, 'twelve digits'),
  ),
  row(
    'dataDir',
    '--data-dir',
    'LONGSHORE_DATA_DIR',
    '~/.longshore',
    'folder of keys, embedded Redis, locks and logs',
    (value) => resolve(value ?? defaultDataDir()),
  ),
  row(
    'redisUrl',
    '--redis-url',
    'REDIS_URL',
    'embedded Redis',
    'a Redis or Valkey (6.2 or newer) to share between processes and machines',
    redisAddress(),
  ),
  row(
    'redisPrefix',
    '--redis-prefix',
    'LONGSHORE_REDIS_PREFIX',
    '{longshore}',
    'prefix of all keys; keep the braces for Redis Cluster',
    matching('{longshore}', /^\{[A-Za-z0-9_.-]+\}$/, 'a name in braces'),
  ),
  row(
    'dockerHost',
    '--docker-host',
    'DOCKER_HOST',
    'unix:///var/run/docker.sock',
    'Docker Engine to use',
    engineAddress(),
  ),
  row(
    'runtime',
    '--runtime',
    'LONGSHORE_RUNTIME',
    'docker',
    'what runs containers: docker, microvm, or fake (for simulations)',
    oneOf('docker', runtimes),
  ),
  row(
    'clusterRuntime',
    '--cluster-runtime',
    'LONGSHORE_CLUSTER_RUNTIME',
    'any',
    'runtime of the tasks of clusters without the tag longshore:runtime: any, docker, microvm, fake',
    oneOf('any', runtimeChoices),
  ),
  row(
    'microvmCache',
    '--microvm-cache',
    'LONGSHORE_MICROVM_CACHE',
    '/var/cache/longshore',
    'folder of kernels, snapshots and converted images of virtual machines; installations may share it',
    (value) => resolve(value ?? '/var/cache/longshore'),
  ),
  row(
    'imageCache',
    '--image-cache',
    'LONGSHORE_IMAGE_CACHE',
    '20',
    'GiB of converted images that virtual machines keep',
    whole(20, 1),
  ),
  row(
    'workerName',
    '--worker-name',
    'LONGSHORE_WORKER_NAME',
    "the host's name",
    'name of this worker; unique among the workers of one Redis',
    matching(
      hostname(),
      /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/,
      'a name of letters, digits, dots, dashes and underscores',
    ),
  ),
  row(
    'workerCpu',
    '--worker-cpu',
    'LONGSHORE_WORKER_CPU',
    'all cores',
    'CPU units that the worker offers (1024 = one core)',
    whole(availableParallelism() * 1024, 1),
  ),
  row(
    'workerMemory',
    '--worker-memory',
    'LONGSHORE_WORKER_MEMORY',
    'all but 1024 MiB',
    'MiB that the worker offers',
    whole(Math.max(512, Math.floor(totalmem() / 2 ** 20) - 1024), 1),
  ),
  row(
    'cpuOvercommit',
    '--cpu-overcommit',
    'LONGSHORE_CPU_OVERCOMMIT',
    '16',
    'CPU units promised for each that exists',
    factor(16),
  ),
  row(
    'memoryOvercommit',
    '--memory-overcommit',
    'LONGSHORE_MEMORY_OVERCOMMIT',
    '1',
    'MiB promised for each that exists',
    factor(1),
  ),
  row(
    'workerDisk',
    '--worker-disk',
    'LONGSHORE_WORKER_DISK',
    'what is free',
    'GiB of ephemeral storage that the worker offers',
    optionalWhole(1),
  ),
  row(
    'diskOvercommit',
    '--disk-overcommit',
    'LONGSHORE_DISK_OVERCOMMIT',
    '50',
    'GiB promised for each that exists',
    factor(50),
  ),
  row(
    'efs',
    '--efs',
    'LONGSHORE_EFS',
    'none',
    'directories or NFS exports for EFS volumes: JSON, or a file with it',
    efsMapping(),
  ),
  row(
    'secretsKey',
    '--secrets-key',
    'LONGSHORE_SECRETS_KEY',
    'secrets.key in the data directory',
    'file with the key that secrets are encrypted with; the same for all processes of one Redis',
    (value) => (value === undefined ? undefined : resolve(value)),
  ),
  row(
    'ssmEndpoint',
    '--ssm-endpoint',
    'LONGSHORE_SSM_ENDPOINT',
    'its own',
    'Parameter Store that tasks have their secrets from',
    address(),
  ),
  row(
    'secretsManagerEndpoint',
    '--secrets-manager-endpoint',
    'LONGSHORE_SECRETS_MANAGER_ENDPOINT',
    'its own',
    'Secrets Manager that tasks have their secrets from',
    address(),
  ),
  row(
    's3Endpoint',
    '--s3-endpoint',
    'LONGSHORE_S3_ENDPOINT',
    'Amazon S3',
    'S3 that tasks have their environment files from',
    address(),
  ),
  row(
    'serviceHealthyAfter',
    '--service-healthy-after',
    'LONGSHORE_SERVICE_HEALTHY_AFTER',
    '40',
    "seconds after RUNNING at which a service's task without a health check counts as healthy",
    whole(40, 0, 86_400),
  ),
  row(
    'lambdaEndpoint',
    '--lambda-endpoint',
    'LONGSHORE_LAMBDA_ENDPOINT',
    'none',
    "where lifecycle hooks' Lambda functions are invoked",
    address(),
  ),
  row(
    'logsEndpoint',
    '--logs-endpoint',
    'LONGSHORE_LOGS_ENDPOINT',
    'its own',
    "CloudWatch Logs that containers' output is sent to",
    address(),
  ),
  row(
    'logsLimit',
    '--logs-limit',
    'LONGSHORE_LOGS_LIMIT',
    '10240',
    'MiB of logs that are kept on disk; beyond that the oldest go',
    whole(10_240, 64),
  ),
  row(
    'taskEndpoint',
    '--task-endpoint',
    'LONGSHORE_TASK_ENDPOINT',
    'gateway',
    'AWS_ENDPOINT_URL of tasks: gateway (this API), none, or an address',
    wordOrAddress('gateway', ['none']),
  ),
  row(
    'taskCredentials',
    '--task-credentials',
    'LONGSHORE_TASK_CREDENTIALS',
    'own',
    'who gives the credentials of task roles: own, aws, or the address of an STS',
    wordOrAddress('own', ['aws']),
  ),
  row(
    'registryHost',
    '--registry-host',
    'LONGSHORE_REGISTRY_HOST',
    'where the API listens',
    'host and port that the names of images in the registry begin with',
    optionalMatching(/^[A-Za-z0-9.-]+(:\d{1,5})?$|^\[[0-9a-f:]+\](:\d{1,5})?$/, 'a host name with or without a port'),
  ),
  row(
    'registryGrace',
    '--registry-grace',
    'LONGSHORE_REGISTRY_GRACE',
    '86400',
    'seconds that layers in the registry are kept which no image names',
    whole(86_400, 60),
  ),
  row(
    'ecrImages',
    '--ecr-images',
    'LONGSHORE_ECR_IMAGES',
    'own',
    'whose images named ACCOUNT.dkr.ecr.REGION.amazonaws.com come from here: own (accounts that exist here), all, none',
    oneOf('own', ['own', 'all', 'none']),
  ),
  row(
    'warmPool',
    '--warm-pool',
    'LONGSHORE_WARM_POOL',
    '2',
    'sandboxes kept ready for the next tasks; 0 for none',
    whole(2, 0, 1000),
  ),
  row(
    'launchConcurrency',
    '--launch-concurrency',
    'LONGSHORE_LAUNCH_CONCURRENCY',
    'two for each core',
    'container starts under way at once',
    whole(availableParallelism() * 2, 1),
  ),
  row(
    'pullPolicy',
    '--pull-policy',
    'LONGSHORE_PULL_POLICY',
    'default',
    'when images are pulled: default, always, once, prefer-cached',
    oneOf('default', ['default', 'always', 'once', 'prefer-cached']),
  ),
  row(
    'network',
    '--network',
    'LONGSHORE_NETWORK',
    '10.213.0.0/16',
    'IPv4 range of task addresses; each worker leases a part',
    networkRange('10.213.0.0/16'),
  ),
  row(
    'networkPrefix',
    '--network-prefix',
    'LONGSHORE_NETWORK_PREFIX',
    '22',
    "prefix length of one worker's range",
    whole(22, 16, 29),
  ),
  row(
    'stoppedTaskRetention',
    '--stopped-task-retention',
    'LONGSHORE_STOPPED_TASK_RETENTION',
    '3600',
    'seconds that a stopped task stays describable',
    whole(3600, 1),
  ),
  row(
    'workerLostAfter',
    '--worker-lost-after',
    'LONGSHORE_WORKER_LOST_AFTER',
    '300',
    'seconds that a worker may be away before its tasks count as lost; 0 for any time',
    whole(300, 0),
  ),
  row(
    'clockSkew',
    '--clock-skew',
    'LONGSHORE_CLOCK_SKEW',
    '300',
    'seconds that the time in a signature may be off',
    whole(300, 1),
  ),
  row(
    'logLevel',
    '--log-level',
    'LONGSHORE_LOG_LEVEL',
    'info',
    "level of Longshore's own logs: debug, info, warn, error",
    oneOf('info', ['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  ),
];

/** @throws SettingError with one sentence that names the variable and what it may hold */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Partial<Record<keyof Settings, string>>> = {},
): Settings {
  const settings: Partial<Record<keyof Settings, Settings[keyof Settings]>> = {};
  for (const { key, env: variable, flag, read } of settingTable) {
    const given = flags[key] ?? env[variable];
    try {
      settings[key] = read(given?.trim() === '' ? undefined : given);
    } catch (error) {
      throw new SettingError(
        `${flags[key] === undefined ? variable : flag} is "${given}", but must be ${(error as Error).message}.`,
      );
    }
  }
  const all = settings as unknown as Settings;
  checkNetwork(all);
  return all;
}

/** The settings that a flag or a variable names. */
export function givenSettings(
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Partial<Record<keyof Settings, string>>> = {},
): ReadonlySet<keyof Settings> {
  return new Set(settingTable.flatMap((row) => ((flags[row.key] ?? env[row.env])?.trim() ? [row.key] : [])));
}

/** What no setting shows alone. */
function checkNetwork({ network, networkPrefix, warmPool }: Settings): void {
  const whole = parseRange(network);
  if (whole.prefixLength > networkPrefix)
    throw new SettingError(
      `LONGSHORE_NETWORK_PREFIX is ${networkPrefix}, but LONGSHORE_NETWORK ${network} is smaller than one worker's part of that size: take a prefix length from ${whole.prefixLength} to 29, or a larger network.`,
    );
  // The network's own address, the gateway's and the broadcast address are no task's.
  const addresses = size(networkPrefix) - 3;
  if (warmPool >= addresses)
    throw new SettingError(
      `LONGSHORE_WARM_POOL is ${warmPool}, but a worker's part of the network (prefix length ${networkPrefix}) has ${addresses} addresses, and tasks need some of them.`,
    );
}

/** The environment that makes another process read the same settings. */
export function settingsToEnv(settings: Settings): Record<string, string> {
  return Object.fromEntries(
    settingTable.flatMap(({ key, env }) => (settings[key] === undefined ? [] : [[env, String(settings[key])]])),
  );
}

export class SettingError extends Error {
  override readonly name = 'SettingError';
}

type Read = SettingRow['read'];

function row(
  key: keyof Settings,
  flag: string,
  env: string,
  defaultText: string,
  description: string,
  read: Read,
): SettingRow {
  return { key, flag, env, defaultText, description, read };
}

function hostName(otherwise: string): Read {
  return (value) => {
    if (value === undefined) return otherwise;
    if (
      !isIP(value) &&
      !/^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/.test(value)
    )
      throw new Error('an IP address or a host name, such as 127.0.0.1, without scheme or port');
    return value;
  };
}

function region(otherwise: string): Read {
  return (value) => {
    if (value === undefined) return otherwise;
    if (!isRegion(value)) throw new Error('the name of an AWS region, such as us-east-1');
    return value;
  };
}

function redisAddress(): Read {
  return (value) => {
    if (value === undefined) return undefined;
    const valid = /^unix:\/\/\/[^/]/.test(value) || (/^rediss?:\/\/[^/]/.test(value) && URL.canParse(value));
    if (!valid) throw new Error('a redis://, rediss:// or unix:///path address');
    return value;
  };
}

function engineAddress(): Read {
  return (value) => {
    if (value === undefined) return undefined;
    const valid = /^unix:\/\/\/[^/]/.test(value) || (/^(tcp|https?):\/\/[^/]/.test(value) && URL.canParse(value));
    if (!valid) throw new Error('a unix:///path, tcp://, http:// or https:// address');
    return value;
  };
}

function address(): Read {
  return (value) => {
    if (value === undefined) return undefined;
    if (!/^https?:\/\/[^/]/.test(value) || !URL.canParse(value)) throw new Error('an http or https address');
    return value;
  };
}

function wordOrAddress(otherwise: string, words: readonly string[]): Read {
  const read = address();
  return (value) => {
    if (value === undefined || value === otherwise || words.includes(value)) return value ?? otherwise;
    try {
      return read(value);
    } catch (error) {
      throw new Error(`${[otherwise, ...words].join(', ')} or an http or https address`, { cause: error });
    }
  };
}

function whole(otherwise: number, least: number, most = Number.MAX_SAFE_INTEGER): Read {
  return (value) => {
    if (value === undefined) return otherwise;
    const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (!Number.isSafeInteger(number) || number < least || number > most)
      throw new Error(
        `a whole number ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`}`,
      );
    return number;
  };
}

function optionalWhole(least: number): Read {
  const read = whole(least, least);
  return (value) => (value === undefined ? undefined : read(value));
}

function efsMapping(): Read {
  return (value) => {
    if (value === undefined) return undefined;
    if (!value.trimStart().startsWith('{')) return resolve(value);
    try {
      parseEfsFileSystems(value);
    } catch (error) {
      throw new Error(`a mapping (${(error as Error).message.replace(/\.$/, '')})`, { cause: error });
    }
    return value;
  };
}

function factor(otherwise: number): Read {
  return (value) => {
    if (value === undefined) return otherwise;
    const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    if (!(number > 0 && number <= 1000)) throw new Error('a number above 0 and at most 1000');
    return number;
  };
}

function oneOf(otherwise: string, values: readonly string[]): Read {
  return (value) => {
    if (value === undefined) return otherwise;
    if (!values.includes(value)) throw new Error(`one of ${values.join(', ')}`);
    return value;
  };
}

function matching(otherwise: string, pattern: RegExp, what: string): Read {
  return (value) => {
    if (value === undefined) return otherwise;
    if (!pattern.test(value)) throw new Error(what);
    return value;
  };
}

/** This network, loopback, link-local (Fargate's metadata is there), multicast and what is reserved. */
const unusable = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'];
function optionalMatching(pattern: RegExp, what: string): Read {
  return (value) => {
    if (value === undefined) return undefined;
    if (!pattern.test(value)) throw new Error(what);
    return value;
  };
}

function networkRange(otherwise: string): Read {
  return (value) => {
    if (value === undefined) return otherwise;
    const [, address, length] = /^([\d.]+)\/(\d{1,2})$/.exec(value) ?? [];
    if (address === undefined || !isIPv4(address) || Number(length) < 8 || Number(length) > 28)
      throw new Error('an IPv4 range such as 10.213.0.0/16, with a prefix length from 8 to 28');
    if (unusable.some((range) => overlap(parseRange(range), parseRange(value))))
      throw new Error('a range of addresses that hosts may have, not loopback, link-local or multicast');
    return value;
  };
}
