/** Another process in a running container. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type ContainerHandle, DriverError, type ExecConfig, type ExecSession, type LogChunk } from '../driver.ts';
import type { Context } from './context.ts';
import { failure, statusOf } from './engine.ts';
import { demultiplex } from './multiplexed.ts';

export async function execContainer(
  { engine }: Context,
  { id, name }: ContainerHandle,
  config: ExecConfig,
): Promise<ExecSession> {
  const { docker } = engine;
  try {
    // Not repeatable, so not through `call`: a command must not run twice.
    const environment = { ...(await defaults(engine, id, config)), ...config.environment };
    const exec = await docker.getContainer(id).exec({
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      DetachKeys: detachKeys,
      Tty: config.tty,
      Cmd: [...config.command],
      User: config.user,
      Env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    });
    const stream = await exec.start({ hijack: true, stdin: true, Tty: config.tty });
    const ended = new Promise<void>((resolve) => {
      stream.once('close', resolve);
      stream.once('end', resolve);
    });
    // The output's reader sees errors; without any reader they must not bring the process down.
    stream.on('error', () => {});
    const exitCode = async () => {
      for (let pause = 10; ; pause = Math.min(2 * pause, 500)) {
        const { Running, ExitCode } = await engine.call(() => exec.inspect());
        if (!Running && ExitCode !== null) return { exitCode: ExitCode };
        await delay(pause);
      }
    };
    return {
      output: refusalAsError(config.tty ? raw(stream) : demultiplex(stream), exitCode),
      write: (data) => write(stream, data),
      resize: async ({ columns, rows }) => {
        await engine.call(() => exec.resize({ w: columns, h: rows }));
      },
      close: () => void stream.end(),
      kill: async () => {
        try {
          killHere(id, await pidOf(() => engine.call(() => exec.inspect())));
        } finally {
          stream.destroy();
        }
      },
      wait: async () => {
        await ended;
        return exitCode();
      },
    };
  } catch (error) {
    if (statusOf(error) === 404) throw new DriverError('not-found', `Container ${name} is gone.`, { cause: error });
    throw failure(statusOf(error) === undefined ? 'engine' : 'start', error);
  }
}

/** The engine may tell a command's output before its process id. 0: it has ended, or its id is not told. */
async function pidOf(inspect: () => Promise<{ readonly Running: boolean; readonly Pid: number }>): Promise<number> {
  for (let pause = 10; ; pause *= 2) {
    const { Running, Pid } = await inspect();
    if (Pid > 0 || !Running || pause > 2000) return Pid;
    await delay(pause);
  }
}

/**
 * The engine lets go of a terminal at two keys of its own, by default Ctrl-P and Ctrl-Q, and holds the first of them back:
 * no key may be missing, so they are two that nobody types one after the other. They also mark commands as ours.
 */
const detachKeys = 'ctrl-@,ctrl-^';
const detachCodes = Buffer.from([0x00, 0x1e]).toString('base64');

/** Ends what is left of commands that an earlier process ran in a container; those of others stay. */
export async function endLeftCommands(
  { engine }: Context,
  { Id, ExecIDs }: { readonly Id: string; readonly ExecIDs?: readonly string[] | null },
): Promise<void> {
  for (const execId of ExecIDs ?? []) {
    const facts = (await engine.call((docker) => docker.getExec(execId).inspect())) as ExecFacts;
    if (facts.Running && facts.DetachKeys === detachCodes) killHere(Id, facts.Pid);
  }
}

interface ExecFacts {
  /** Base64. */
  readonly DetachKeys?: string;
  readonly Running: boolean;
  readonly Pid: number;
}

/** Those of the default variables that the container does not have. */
async function defaults(
  engine: Context['engine'],
  id: string,
  { defaultEnvironment }: ExecConfig,
): Promise<Readonly<Record<string, string>>> {
  if (!defaultEnvironment) return {};
  const { Config } = await engine.call((docker) => docker.getContainer(id).inspect());
  const there = new Set((Config.Env ?? []).map((variable) => variable.replace(/=.*/s, '')));
  return Object.fromEntries(Object.entries(defaultEnvironment).filter(([name]) => !there.has(name)));
}

/** The engine tells in a command's own output that it could not be run. */
async function* refusalAsError(
  output: AsyncIterable<LogChunk>,
  wait: () => Promise<{ readonly exitCode: number }>,
): AsyncGenerator<LogChunk> {
  let first = true;
  for await (const chunk of output) {
    const text = first
      ? /^(?:OCI runtime exec failed|exec failed): (.*)/s.exec(Buffer.from(chunk.data).toString())?.[1]
      : undefined;
    first = false;
    if (text !== undefined && [126, 127].includes((await wait()).exitCode))
      throw new DriverError(
        'start',
        text
          .trim()
          .replace(/^exec failed: /, '')
          .replace(/: unknown$/, ''),
      );
    yield chunk;
  }
}

/**
 * The engine has no call for this. Its process ids are this host's when the engine runs here, which the process's
 * control group proves: it names the container.
 */
function killHere(containerId: string, pid: number): void {
  if (!(pid > 1)) return;
  try {
    if (!readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(containerId)) return;
    // The runtime makes the command the leader of a session: what it forked, jobs of a shell too, goes with it.
    for (const member of sessionOf(pid)) killOne(member);
    killOne(pid);
  } catch (error) {
    ignoreGone(error);
  }
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    ignoreGone(error);
  }
}

/** It has ended meanwhile, or belongs to a host or user that is out of reach. */
function ignoreGone(error: unknown): void {
  if (!['ENOENT', 'ESRCH', 'EPERM', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
}

/** Processes of the session that `leader` leads; none when it leads none. */
function sessionOf(leader: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => sessionIdOf(pid) === leader);
}

function sessionIdOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
  } catch (error) {
    ignoreGone(error);
    return undefined;
  }
}

async function* raw(stream: AsyncIterable<Uint8Array>): AsyncGenerator<LogChunk> {
  for await (const data of stream) yield { stream: 'stdout', data };
}

function write(stream: Duplex, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(failure('engine', error)) : resolve()));
  });
}
