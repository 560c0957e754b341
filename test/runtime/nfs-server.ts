/** An NFS server on a host of its own: a network namespace beside this one. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, statfsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { packageRoot } from '../../core/package-root.ts';
import { findProgram } from '../../scripts/programs.ts';

export interface NfsServer {
  readonly address: string;
  /** As clients name it. */
  readonly export: string;
  /** What it exports, on this host. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** Not with other temporary files: what lies in memory cannot be exported. */
const place = join(packageRoot, 'node_modules', '.cache');
/** Types of file systems that can: ext4, XFS, Btrfs. https://man7.org/linux/man-pages/man2/statfs.2.html */
const exportable: readonly number[] = [0xef53, 0x58465342, 0x9123683e];

/** Why there can be none; undefined: there can. */
export function nfsServerMissing(): string | undefined {
  if (findProgram('ganesha.nfsd') === undefined) return 'not installed: nfs-ganesha, nfs-ganesha-vfs';
  const version = /= V(\d+)\./.exec(spawnSync('ganesha.nfsd', ['-v'], { encoding: 'utf8' }).stdout)?.[1];
  // With this configuration a later one (6.5 was tried) exports nothing.
  if (version !== '4') return `nfs-ganesha is version ${version}, and what is known here is how to set up version 4`;
  mkdirSync(place, { recursive: true });
  return exportable.includes(statfsSync(place).type) ? undefined : `no file system to export: ${place}`;
}

const run = promisify(execFile);

export async function startNfsServer(): Promise<NfsServer> {
  const home = await mkdtemp(join(place, 'longshore-nfs-'));
  const folder = join(home, 'exported');
  await mkdir(folder);
  await mkdir(join(home, 'state'));
  const name = `nfs${randomUUID().slice(0, 8)}`;
  const network = `10.${randomInt(251, 255)}.${randomInt(0, 256)}`;
  const [near, far] = [`${network}.1`, `${network}.2`];
  const inside = ['netns', 'exec', name];
  await run('ip', ['netns', 'add', name]);
  await run('ip', ['link', 'add', `${name}-h`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
  await run('ip', ['address', 'add', `${near}/30`, 'dev', `${name}-h`]);
  await run('ip', ['link', 'set', `${name}-h`, 'up']);
  await run('ip', [...inside, 'ip', 'address', 'add', `${far}/30`, 'dev', 'eth0']);
  await run('ip', [...inside, 'ip', 'link', 'set', 'eth0', 'up']);
  await run('ip', [...inside, 'ip', 'link', 'set', 'lo', 'up']);
  const file = join(home, 'ganesha.conf');
  await writeFile(file, configuration(far, folder, join(home, 'state')));
  const words = ['ganesha.nfsd', '-F', '-f', file, '-L', join(home, 'log'), '-p', join(home, 'pid')];
  const server = spawn('ip', [...inside, ...words], { stdio: 'ignore' });
  const ended = once(server, 'exit');
  await vi.waitUntil(async () => await answers(far), { timeout: 60_000, interval: 50 });
  return {
    address: far,
    export: '/exports/data',
    folder,
    async stop() {
      server.kill('SIGKILL');
      await ended;
      await run('ip', ['netns', 'delete', name]);
      await rm(home, { recursive: true });
    },
  };
}

function configuration(address: string, folder: string, state: string): string {
  return `NFS_CORE_PARAM { Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false; Bind_addr = ${address}; }
NFSV4 { Graceless = true; Only_Numeric_Owners = true; RecoveryRoot = ${state}; }
EXPORT {
  Export_Id = 1; Path = ${folder}; Pseudo = /exports/data; Access_Type = RW; Squash = No_Root_Squash;
  SecType = sys; Protocols = 4; Transports = TCP; PrivilegedPort = true; FSAL { Name = VFS; }
}
`;
}

async function answers(address: string): Promise<boolean> {
  const socket = connect(2049, address);
  const [event] = await Promise.race([
    once(socket, 'connect').then(() => [true]),
    once(socket, 'error').then(() => [false]),
  ]).catch(() => [false]);
  socket.destroy();
  return event === true;
}
