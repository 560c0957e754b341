/** The embedded Redis: a child process on a unix socket in the data directory, every write on disk before it is acknowledged. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { identify, type ProcessIdentity } from '../core/process-identity.ts';
import { signalProcess, waitForEnd } from './processes.ts';
import { findProgram } from './programs.ts';
import { askRedis, isNewEnough, parseInfo } from './redis-socket.ts';

export interface EmbeddedRedis {
  readonly url: string;
  readonly process: ChildProcess;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

export interface EmbeddedRedisOptions {
  /** Gets what Redis prints. */
  readonly onOutput?: (chunk: Buffer) => void;
}

/** Milliseconds for a clean end. With every write on disk already, a kill after that loses nothing. */
const stopPatience = 10_000;

const serverNames = ['redis-server', 'valkey-server'];

/** Absolute path of redis-server or valkey-server; undefined: neither is installed. */
export function findRedisServer(): string | undefined {
  for (const name of serverNames) {
    const path = findProgram(name);
    if (path !== undefined) return path;
  }
  return undefined;
}

/**
 * Starts Redis on a directory that the caller alone uses; a Redis that was left over there is shut down first.
 * @throws Error when it does not answer; its own last words are in the message
 */
export async function startEmbeddedRedis(
  directory: string,
  { onOutput = () => {} }: EmbeddedRedisOptions = {},
): Promise<EmbeddedRedis> {
  const server = findRedisServer();
  if (server === undefined) throw new Error(`Neither ${serverNames.join(' nor ')} is installed.`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const socket = socketPath(directory);
  await endLeftOver(socket);

  const [command = server, ...args] = [...endWithParent(), server, ...configuration(directory, socket)];
  // A session of its own: Ctrl-C in the terminal must reach only the supervisor, which stops Redis last.
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let words = '';
  const listen = (chunk: Buffer) => {
    words = (words + chunk).slice(-2000);
    onOutput(chunk);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const ended = new Promise<string>((resolveEnded) => {
    child.once('error', (error) => resolveEnded(error.message));
    // 'close' comes after the last output.
    child.once('close', (code, signal) =>
      resolveEnded(signal === null ? `exit code ${code}: ${lastWords(words)}` : `signal ${signal}`),
    );
  });
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopPatience);
    await ended;
    clearTimeout(timer);
    removeShortFolder(directory, socket);
  };
  try {
    await answer(socket, ended);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `unix://${socket}`, process: child, ended, stop };
}

function configuration(directory: string, socket: string): string[] {
  const settings: Readonly<Record<string, string>> = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: resolve(directory),
    appendonly: 'yes',
    appendfsync: 'always',
    // A kill in the middle of a write leaves half a command at the end: nobody got an answer for it.
    'aof-load-truncated': 'yes',
    'aof-use-rdb-preamble': 'yes',
    // The file is written anew whenever it has doubled, so it stays within about twice the data plus this size.
    'auto-aof-rewrite-percentage': '100',
    'auto-aof-rewrite-min-size': '32mb',
    'maxmemory-policy': 'noeviction',
    save: '',
    daemonize: 'no',
    logfile: '',
    'always-show-logo': 'no',
  };
  return Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
}

/** Linux can end a process with its parent, so that a killed supervisor leaves no Redis behind. */
function endWithParent(): string[] {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : undefined;
  if (setpriv === undefined) return [];
  const flag = ['--pdeathsig', 'TERM'];
  return spawnSync(setpriv, [...flag, 'true']).status === 0 ? [setpriv, ...flag] : [];
}

/** Waits until Redis has read its files and answers. Nothing tells when, so it is asked again and again. */
async function answer(socket: string, ended: Promise<string>): Promise<void> {
  let end: string | undefined;
  ended.then((words) => {
    end = words;
  });
  for (;;) {
    try {
      const { redis_version: version = '0' } = parseInfo(await askRedis(socket, 'INFO server'));
      await askRedis(socket, 'PING');
      if (!isNewEnough(version)) throw new TooOldError(version);
      return;
    } catch (error) {
      if (error instanceof TooOldError) throw error;
      if (end !== undefined) throw new Error(`Redis does not start (${end}).`);
      await Promise.race([ended, new Promise((resolveLater) => setTimeout(resolveLater, 10))]);
    }
  }
}

class TooOldError extends Error {
  constructor(version: string) {
    super(`The installed Redis is ${version}, but 6.2 or newer is needed; point REDIS_URL at a newer one.`);
  }
}

/** Ends a Redis that still answers on the socket: its supervisor was killed where the kernel could not end both. */
async function endLeftOver(socket: string): Promise<void> {
  let pid: number;
  try {
    pid = Number(parseInfo(await askRedis(socket, 'INFO server')).process_id);
  } catch {
    // Nobody answers there: Redis replaces the dead socket itself.
    return;
  }
  const process = identify(pid);
  if (process !== undefined) await endRedis(process);
}

/** Ends a Redis that is not our child. */
export async function endRedis(process: ProcessIdentity): Promise<void> {
  signalProcess(process, 'SIGTERM');
  if (await waitForEnd(process, stopPatience)) return;
  signalProcess(process, 'SIGKILL');
  await waitForEnd(process, stopPatience);
}

/**
 * A unix socket's path holds at most 107 bytes (103 on macOS). Below a deeper directory it lies in a short private
 * folder instead, whose name follows from the directory so that a later start finds a left-over there.
 */
function socketPath(directory: string): string {
  const direct = join(resolve(directory), 'redis.sock');
  if (Buffer.byteLength(direct) <= 100) return direct;
  const name = `longshore-${createHash('sha256').update(resolve(directory)).digest('hex').slice(0, 16)}`;
  const temporary = Buffer.byteLength(tmpdir()) <= 60 ? tmpdir() : '/tmp';
  const folder = join(temporary, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid } = userInfo();
  const facts = lstatSync(folder);
  // Somebody else could have made it first, to sit between us and Redis.
  if (!facts.isDirectory() || facts.uid !== uid) throw new Error(`${folder} belongs to somebody else; remove it.`);
  chmodSync(folder, 0o700);
  return join(folder, 'redis.sock');
}

function removeShortFolder(directory: string, socket: string): void {
  const folder = join(socket, '..');
  if (folder !== resolve(directory)) rmSync(folder, { recursive: true, force: true });
}

/** Redis prints why it gives up in its last lines, each after pid, role and time. */
function lastWords(words: string): string {
  return (words.trim().split('\n').at(-1) ?? '').replace(/^\d+:\w (\d+ \w+ \d+ [\d:.]+ )?\W* /, '');
}
