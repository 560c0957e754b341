/** What the benchmark of virtual machines measures with: a large image, and bytes between host and task. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeTasksCommand } from '@aws-sdk/client-ecs';
import { runCommand } from '../privilege.ts';
import { findProgram } from '../programs.ts';
import type { Instance } from './instance.ts';
import type { BenchContext } from './scenario.ts';

/** An image with so many MB of files of one MB, half of each random. */
export async function importLargeImage({ cleanup }: BenchContext, megabytes: number): Promise<string> {
  const image = `longshore-bench-large:${randomBytes(4).toString('hex')}`;
  const folder = mkdtempSync(join(tmpdir(), 'longshore-bench-large-'));
  try {
    const bin = join(folder, 'root', 'bin');
    mkdirSync(bin, { recursive: true });
    copyFileSync(findProgram('busybox') ?? '', join(bin, 'busybox'));
    for (const name of ['sh', 'sleep']) symlinkSync('busybox', join(bin, name));
    for (let file = 0; file < megabytes; file += 1)
      writeFileSync(
        join(folder, 'root', `file-${file}`),
        Buffer.concat([randomBytes(500_000), Buffer.alloc(500_000, 'as text is: it repeats itself. ')]),
      );
    const archive = join(folder, 'image.tar');
    await succeed(['tar', '-C', join(folder, 'root'), '-cf', archive, '.']);
    await succeed(['docker', 'import', archive, image]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  cleanup.add(async () => void (await runCommand(['docker', 'rmi', '-f', image])));
  return image;
}

async function succeed(command: readonly string[]): Promise<void> {
  const { ok, output } = await runCommand(command);
  if (!ok) throw new Error(`${command.slice(0, 2).join(' ')} failed: ${output}`);
}

/** Takes on 5001 and gives on 5002 whatever there is, to one after the other. */
export const networkCommand = [
  '/bin/sh',
  '-c',
  'trap exit TERM; ' +
    'while :; do /bin/busybox nc -l -p 5001 > /dev/null; done & ' +
    'while :; do /bin/busybox nc -l -p 5002 < /dev/zero > /dev/null; done & wait',
] as const;

export async function addressOf({ client }: Instance, task: string): Promise<string> {
  const { tasks = [] } = await client.send(new DescribeTasksCommand({ tasks: [task] }));
  const address = tasks[0]?.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address;
  if (address === undefined) throw new Error('The task has no address.');
  return address;
}

export interface Measurement {
  readonly address: string;
  readonly port: number;
  readonly direction: 'to' | 'from';
  readonly seconds: number;
}

/** MB (10^6 bytes) per second that this process sends to a task, or receives. */
export async function throughput({ address, port, direction, seconds }: Measurement): Promise<number> {
  const socket = await connected(address, port);
  const block = Buffer.alloc(2 ** 17);
  let bytes = 0;
  socket.on('data', (part: Buffer) => {
    bytes += part.length;
  });
  const began = performance.now();
  const end = began + seconds * 1000;
  if (direction === 'from') await sleep(seconds * 1000);
  while (direction === 'to' && performance.now() < end) {
    // What is counted has left for the kernel, which keeps little.
    if (!socket.write(block)) await Promise.race([once(socket, 'drain'), sleep(1000)]);
    bytes += block.length;
  }
  const megabytes = (bytes - socket.writableLength) / 1e6;
  socket.destroy();
  return megabytes / ((performance.now() - began) / 1000);
}

/** The task may not listen yet. */
async function connected(address: string, port: number): Promise<Socket> {
  for (let tried = 1; ; tried += 1) {
    // What listens has nothing to say, and says so at once.
    const socket = connect({ host: address, port, allowHalfOpen: true });
    try {
      await once(socket, 'connect');
      socket.on('error', () => {});
      return socket;
    } catch (error) {
      if (tried >= 100) throw error;
      await sleep(200);
    }
  }
}
