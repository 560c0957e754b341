/** Another process in a running container. */
import { readFileSync } from 'node:fs';
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
    const exec = await docker.getContainer(id).exec({
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: config.tty,
      Cmd: [...config.command],
      User: config.user,
      Env: config.environment && Object.entries(config.environment).map(([key, value]) => `${key}=${value}`),
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
      output: config.tty ? raw(stream) : demultiplex(stream),
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
 * The engine has no call for this. Its process ids are this host's when the engine runs here, which the process's
 * control group proves: it names the container.
 */
function killHere(containerId: string, pid: number): void {
  if (!(pid > 1)) return;
  try {
    if (!readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(containerId)) return;
    // The runtime makes the command the leader of a session: what it forked goes with it.
    process.kill(isGroupLeader(pid) ? -pid : pid, 'SIGKILL');
  } catch (error) {
    // It has ended meanwhile, or belongs to a host or user that is out of reach.
    if (!['ENOENT', 'ESRCH', 'EPERM', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

function isGroupLeader(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2] === String(pid);
}

async function* raw(stream: AsyncIterable<Uint8Array>): AsyncGenerator<LogChunk> {
  for await (const data of stream) yield { stream: 'stdout', data };
}

function write(stream: Duplex, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(failure('engine', error)) : resolve()));
  });
}
