/** `longshore doctor`: what works on this host, a line each. */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { arch } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../core/settings.ts';
import { findRedisServer } from './embedded-redis.ts';
import { askEngine, type EngineAnswer } from './engine.ts';
import { sentenceOf } from './failure.ts';
import { hostDriver } from './host-driver.ts';
import { endpointOf, findRedis, isRunning, readInstallationId, readInstance } from './instance.ts';
import { runCommand } from './privilege.ts';
import { findProgram } from './programs.ts';
import { missingForMachines } from './system-packages.ts';

type Verdict = 'ok' | 'warn' | 'fail' | 'info';

interface Finding {
  readonly verdict: Verdict;
  readonly text: string;
}

type Check = (settings: Settings) => Promise<Finding | readonly Finding[]>;

/** In the order in which they are printed. */
const checks: Readonly<Record<string, Check>> = {
  'Node.js': async () => ok(`${process.versions.node} on ${process.platform}/${process.arch}`),
  'data directory': checkDataDirectory,
  logs: async (settings) => checkLogs(settings),
  port: checkPort,
  Redis: checkRedis,
  engine: checkEngine,
  storage: async (settings) => ok(`storage driver ${(await engineInfo(settings)).Driver}`),
  cgroups: checkCgroups,
  runtime: checkRuntime,
  architecture: async () => checkArchitecture(),
  '/dev/kvm': async () => checkKvm(),
  'AWS CLI': async () => checkTool('aws', 'the AWS command line'),
  'Session Manager plugin': async () => checkTool('session-manager-plugin', '`aws ecs execute-command`'),
};

const engineOnly = ['engine', 'storage', 'cgroups'];

/** Prints a table; false: something that these settings need fails. */
export async function doctor(settings: Settings, print: (line: string) => void): Promise<boolean> {
  const names = Object.keys(checks).filter((name) => settings.runtime === 'docker' || !engineOnly.includes(name));
  const width = Math.max(...names.map((name) => name.length));
  let healthy = true;
  for (const name of names) {
    for (const { verdict, text } of await run(checks[name], settings)) {
      healthy &&= verdict !== 'fail';
      print(`${verdict.padEnd(4)}  ${name.padEnd(width)}  ${text}`);
    }
  }
  return healthy;
}

async function run(check: Check | undefined, settings: Settings): Promise<readonly Finding[]> {
  try {
    const found = (await check?.(settings)) ?? [];
    return [found].flat();
  } catch (error) {
    return [fail(sentenceOf(error))];
  }
}

async function checkDataDirectory({ dataDir }: Settings): Promise<Finding> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  accessSync(dataDir, constants.R_OK | constants.W_OK);
  const { bavail, bsize } = statfsSync(dataDir);
  const gibibytes = (bavail * bsize) / 2 ** 30;
  const text = `${dataDir} is writable, ${gibibytes.toFixed(1)} GiB free`;
  return gibibytes < 2 ? warn(`${text}; images and state may need more.`) : ok(text);
}

/** What the log store takes, and what it may. */
function checkLogs({ dataDir, logsLimit }: Settings): Finding {
  const folder = join(dataDir, 'logs-store');
  const bytes = existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .reduce(
          (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
          0,
        )
    : 0;
  return ok(`${(bytes / 2 ** 20).toFixed(1)} of at most ${logsLimit} MiB kept`);
}

async function checkPort(settings: Settings): Promise<Finding> {
  const { host, port, dataDir } = settings;
  const server = createServer();
  const error = await new Promise<Error | undefined>((resolve) => {
    server.once('error', resolve);
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
  if (error === undefined) return ok(`${host}:${port} is free`);
  const ours = isRunning(dataDir) && readInstance(dataDir)?.endpoint === endpointOf(settings);
  return ours
    ? ok(`${host}:${port} is Longshore's own`)
    : fail(`${host}:${port} cannot be listened on: ${error.message}.`);
}

async function checkRedis({ redisUrl, dataDir }: Settings): Promise<Finding | readonly Finding[]> {
  const running = findRedis(dataDir);
  const url = redisUrl ?? running?.url;
  if (url !== undefined) {
    const { inspectRedis, withoutPassword, worries } = await import('./shared-redis.ts');
    const facts = await inspectRedis(url);
    const persistence = facts.appendOnly
      ? `append-only file, fsync ${facts.fsync || 'unknown'}`
      : 'no append-only file';
    return [
      ok(`${facts.product} ${facts.version} at ${withoutPassword(url)}: ${persistence}, ${facts.evictionPolicy}`),
      ...worries(facts).map(warn),
    ];
  }
  const server = findRedisServer();
  if (server === undefined) return warn('not installed; `longshore start` installs it, or point REDIS_URL at one.');
  const { output } = await runCommand([server, '--version']);
  return ok(`${/v=([\d.]+)/.exec(output)?.[1] ?? output} (${server}), not running; it will write an append-only file`);
}

async function checkEngine({ dockerHost }: Settings): Promise<Finding> {
  try {
    const { Version, ApiVersion, MinAPIVersion } = await askEngine(dockerHost, '/version');
    return ok(`Docker Engine ${Version}, API ${MinAPIVersion} to ${ApiVersion}`);
  } catch (error) {
    if (dockerHost === undefined && findProgram('dockerd') !== undefined)
      return warn(`installed but not answering (${sentenceOf(error)}); \`longshore start\` starts it.`);
    return fail(`does not answer: ${sentenceOf(error)}.`);
  }
}

async function checkCgroups(settings: Settings): Promise<Finding> {
  const { CgroupVersion, CgroupDriver, OperatingSystem } = await engineInfo(settings);
  const text = `version ${CgroupVersion ?? '1'}, engine's driver ${CgroupDriver}`;
  const local = (settings.dockerHost ?? 'unix://').startsWith('unix://') && OperatingSystem !== 'Docker Desktop';
  if (!local) return warn(`${text}; the engine runs elsewhere, so a task's limits are split over its containers.`);
  const folder = CgroupVersion === '2' ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory';
  try {
    accessSync(folder, constants.W_OK);
    return ok(`${text}, writable by this user`);
  } catch {
    // Why it is not writable does not matter here.
    return warn(`${text}; ${folder} is not writable by this user, so a task's limits are split over its containers.`);
  }
}

async function checkRuntime(settings: Settings): Promise<readonly Finding[]> {
  const driver = await hostDriver(settings, readInstallationId(settings.dataDir) ?? '00000000');
  const { engine, isolation, sandboxLimits, limitations } = await driver.capabilities();
  await driver.close();
  const limits = sandboxLimits ? 'limits over the whole task' : 'limits on each container';
  const missing = settings.runtime === 'microvm' ? missingForMachines() : undefined;
  return [
    ok(`${settings.runtime}: ${engine}, isolation by ${isolation}, ${limits}`),
    ...(missing ? [warn(`not installed: ${missing.packages.join(', ')}; \`longshore start\` installs them.`)] : []),
    ...limitations.map(warn),
  ];
}

/** Images of another architecture may run here by emulation, but placement does not count on it. */
function checkArchitecture(): Finding {
  const [own, other] = arch() === 'arm64' ? ['ARM64', 'X86_64'] : ['X86_64', 'ARM64'];
  return info(`a worker here runs tasks for ${own}; tasks for ${other} need a worker on such a machine.`);
}

function checkKvm(): Finding {
  if (!existsSync('/dev/kvm')) return info('absent: virtual machines (microvm) are emulated, which is slow.');
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return ok('usable by this user; whether a machine runs on it, the line on the runtime microvm tells');
  } catch {
    // Only permission is left as a reason.
    return info('not usable by this user; the worker of virtual machines (microvm) runs as root and can.');
  }
}

function checkTool(name: string, purpose: string): Finding {
  const path = findProgram(name);
  return path === undefined ? info(`not installed; needed for ${purpose} only`) : ok(path);
}

function engineInfo({ dockerHost }: Settings): Promise<EngineAnswer> {
  return askEngine(dockerHost, '/info');
}

const ok = (text: string): Finding => ({ verdict: 'ok', text });
const info = (text: string): Finding => ({ verdict: 'info', text });
const warn = (text: string): Finding => ({ verdict: 'warn', text });
const fail = (text: string): Finding => ({ verdict: 'fail', text });
