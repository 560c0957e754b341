/** The embedded Redis: a child process on a unix socket in the data directory, every write on disk before it is acknowledged. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { connectRedis } from '../core/redis.ts';

export interface EmbeddedRedis {
  readonly url: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** @throws Error when redis-server does not answer; its own last words are in the message */
export async function startEmbeddedRedis(directory: string): Promise<EmbeddedRedis> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const socket = join(directory, 'redis.sock');
  const child = spawn(
    'redis-server',
    [
      '--port',
      '0',
      '--unixsocket',
      socket,
      '--unixsocketperm',
      '700',
      '--dir',
      directory,
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--maxmemory-policy',
      'noeviction',
      '--save',
      '',
      '--daemonize',
      'no',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let words = '';
  child.stdout?.on('data', (data) => {
    words = (words + data).slice(-2000);
  });
  child.stderr?.on('data', (data) => {
    words = (words + data).slice(-2000);
  });
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`redis-server ended with code ${code}: ${words.trim().split('\n').at(-1)}`)),
    );
  });
  ended.catch(() => {});
  const url = `unix://${socket}`;
  const probe = connectRedis(url, { patience: null, name: 'probe' });
  probe.on('error', () => {});
  try {
    await Promise.race([probe.ping(), ended]);
  } finally {
    probe.disconnect();
  }
  return {
    url,
    process: child,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
    },
  };
}
