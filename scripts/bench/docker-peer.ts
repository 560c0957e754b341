/** The other side of the comparison: the docker CLI, and an image that both sides run. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Failure } from '../failure.ts';
import { findProgram } from '../programs.ts';
import type { BenchContext } from './scenario.ts';

/** Sleeps, and ends at once when it is told to. */
export const sleepCommand = ['/bin/sh', '-c', 'trap exit TERM; sleep 3600 & wait'] as const;

export interface DockerPeer {
  readonly image: string;
  /** `docker run -d` with the limits of a 0.25 vCPU, 512 MiB task. @returns the container's id */
  run(...flags: readonly string[]): Promise<string>;
  remove(ids: readonly string[]): Promise<void>;
  /** Follows the health of what `run` started, from now on. */
  watchHealth(): HealthWatch;
}

export interface HealthWatch {
  /** Resolves when the container is healthy. */
  healthy(id: string): Promise<void>;
  close(): void;
}

/** @throws Failure that says what is missing */
export async function prepareDocker({ cleanup }: BenchContext): Promise<DockerPeer> {
  for (const [name, what] of [
    ['docker', 'the docker CLI (Debian: docker.io)'],
    ['busybox', 'a static busybox (Debian: busybox-static)'],
    ['tar', 'tar'],
  ] as const)
    if (findProgram(name) === undefined) throw new Failure(`The launch benchmark needs ${what}.`);
  const label = `longshore.bench=${randomBytes(4).toString('hex')}`;
  const image = `longshore-bench:${label.split('=')[1]}`;
  const containers = async () => (await docker('ps', '-aq', '--filter', `label=${label}`)).split('\n').filter(Boolean);
  const remove = async (ids: readonly string[]) => {
    if (ids.length > 0) await docker('rm', '-f', ...ids);
  };
  await importImage(image);
  cleanup.add(async () => {
    await remove(await containers());
    await docker('rmi', '-f', image);
  });
  const limits = ['--memory', '512m', '--cpus', '0.25'];
  return {
    image,
    run: async (...flags) => await docker('run', '-d', '--label', label, ...limits, ...flags, image, ...sleepCommand),
    remove,
    watchHealth: () => watchHealth(label),
  };
}

function watchHealth(label: string): HealthWatch {
  const args = ['events', '--filter', `label=${label}`, '--filter', 'event=health_status'];
  const child = spawn('docker', [...args, '--format', '{{.ID}} {{.Status}}'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const healthy = new Set<string>();
  const waiting = new Map<string, () => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [id = '', ...status] = line.split(' ');
    if (status.at(-1) !== 'healthy') return;
    healthy.add(id);
    waiting.get(id)?.();
  });
  return {
    healthy: async (id) => {
      if (healthy.has(id)) return;
      await new Promise<void>((resolve) => waiting.set(id, resolve));
    },
    close: () => child.kill(),
  };
}

/** An image of one program, from this host: no registry takes part. */
async function importImage(image: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-bench-image-'));
  try {
    const bin = join(folder, 'root', 'bin');
    mkdirSync(bin, { recursive: true });
    copyFileSync(findProgram('busybox') ?? '', join(bin, 'busybox'));
    for (const name of ['sh', 'sleep']) symlinkSync('busybox', join(bin, name));
    const archive = join(folder, 'image.tar');
    await run('tar', '-C', join(folder, 'root'), '-cf', archive, '.');
    await docker('import', archive, image);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function docker(...args: readonly string[]): Promise<string> {
  return await run('docker', ...args);
}

/** @returns what it printed. @throws Error with what it complained of */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let complaint = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      complaint += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(output.trim()) : reject(new Error(`${program} ${args[0]} failed: ${complaint.trim()}`)),
    );
  });
}
