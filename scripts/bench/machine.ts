/** What a result was measured on: without it a figure says nothing. */
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { packageRoot } from '../../core/package-root.ts';
import { findRedisServer } from '../embedded-redis.ts';
import { askEngine } from '../engine.ts';
import { runCommand } from '../privilege.ts';

export type Machine = Readonly<Record<string, string | number>>;

export async function describeMachine(): Promise<Machine> {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    kernel: `${process.platform} ${release()}`,
    cgroup: existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'version 2' : 'version 1',
    loadBefore: loadavg()[0] ?? Number.NaN,
    engine: await engineVersion(),
    redis: await redisVersion(),
    node: process.versions.node,
    commit: await commit(),
  };
}

async function engineVersion(): Promise<string> {
  try {
    const { Version, ApiVersion } = await askEngine(process.env.DOCKER_HOST || undefined, '/version');
    return `Docker ${Version}, API ${ApiVersion}`;
  } catch {
    // Scenarios that need an engine say so themselves.
    return 'none';
  }
}

async function redisVersion(): Promise<string> {
  const server = findRedisServer();
  if (server === undefined) return 'none';
  const { output } = await runCommand([server, '--version']);
  return /v=([\d.]+)/.exec(output)?.[1] ?? output;
}

/** Of the checkout; an installed package has a version only. */
async function commit(): Promise<string> {
  const head = await runCommand(['git', '-C', packageRoot, 'rev-parse', '--short', 'HEAD']);
  if (!head.ok) return 'not a checkout';
  const changes = await runCommand(['git', '-C', packageRoot, 'status', '--porcelain']);
  return `${head.output.trim()}${changes.output.trim() === '' ? '' : ' with changes'}`;
}
