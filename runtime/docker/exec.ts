/** Another process in a running container. */
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

async function* raw(stream: AsyncIterable<Uint8Array>): AsyncGenerator<LogChunk> {
  for await (const data of stream) yield { stream: 'stdout', data };
}

function write(stream: Duplex, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(failure('engine', error)) : resolve()));
  });
}
