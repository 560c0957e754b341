/** Packages of the distribution that this host lacks. */
import { existsSync, readFileSync } from 'node:fs';
import type { Settings } from '../core/settings.ts';
import { findRedisServer } from './embedded-redis.ts';
import { engineSocket, engineSocketExists } from './engine.ts';
import { Failure } from './failure.ts';
import { asRoot, lastLine, runCommand } from './privilege.ts';
import { findProgram } from './programs.ts';

export interface SystemPackage {
  readonly title: string;
  readonly packages: readonly string[];
  /** What to do where it cannot be installed. */
  readonly instead: string;
  /** True when everything starts without it. */
  readonly optional?: boolean;
}

const docker: SystemPackage = {
  title: 'Docker Engine',
  // Without certificates no image could be pulled.
  packages: ['docker.io', 'ca-certificates'],
  instead: 'install Docker Engine, or point DOCKER_HOST at one',
};

const redis: SystemPackage = {
  title: 'Redis',
  packages: ['redis-server'],
  instead: 'install redis-server or valkey-server, or point REDIS_URL at one that runs',
};

/** Docker's own rules need no command of it, tasks' networks do. */
const nftables: SystemPackage = {
  title: 'nftables',
  packages: ['nftables'],
  instead: 'install it by hand; until then tasks reach every service of this host',
  optional: true,
};

/** Programs that the runtime for virtual machines uses, each with the package that brings it. */
const machinePrograms: readonly (readonly [program: string, name: string])[] = [
  ['qemu-system-x86_64', 'qemu-system-x86'],
  ['crun', 'crun'],
  ['tini-static', 'tini'],
  ['mksquashfs', 'squashfs-tools'],
  ['mkfs.ext4', 'e2fsprogs'],
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  // The agent in a machine is built from its source here.
  ['gcc', 'gcc'],
  // What distributions pack kernels and modules with.
  ['xz', 'xz-utils'],
  ['zstd', 'zstd'],
  ['skopeo', 'skopeo'],
  ['umoci', 'umoci'],
];

/** It was a part of QEMU before. */
function hasVirtiofsdPackage(): boolean {
  const about = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(about)?.[1] ?? '';
  const version = Number(field('VERSION_ID'));
  return field('ID') === 'ubuntu' ? version >= 23.04 : field('ID') === 'debian' && version >= 13;
}

/** undefined: all are there. */
export function missingForMachines(): SystemPackage | undefined {
  const missing = machinePrograms.flatMap(([program, name]) => (findProgram(program) === undefined ? [name] : []));
  // A compiler without the C library's own files cannot build.
  const packages = [
    ...missing,
    ...(existsSync('/usr/include/stdio.h') ? [] : ['libc6-dev']),
    ...(hasVirtiofsdPackage() && !existsSync('/usr/libexec/virtiofsd') ? ['virtiofsd'] : []),
  ];
  if (packages.length === 0) return undefined;
  return { title: 'What virtual machines need', packages, instead: `install ${packages.join(', ')}` };
}

/** What these settings need and this host neither has nor is pointed to. */
export function missingPackages(
  settings: Pick<Settings, 'runtime' | 'dockerHost' | 'redisUrl'>,
): readonly SystemPackage[] {
  const needsDocker =
    settings.runtime === 'docker' &&
    settings.dockerHost === undefined &&
    findProgram('dockerd') === undefined &&
    !engineSocketExists(engineSocket);
  const needsRedis = settings.redisUrl === undefined && findRedisServer() === undefined;
  const needsNftables =
    settings.runtime === 'docker' && settings.dockerHost === undefined && findProgram('nft') === undefined;
  const machines = settings.runtime === 'microvm' ? missingForMachines() : undefined;
  return [
    ...(needsDocker ? [docker] : []),
    ...(machines ? [machines] : []),
    ...(needsRedis ? [redis] : []),
    ...(needsNftables ? [nftables] : []),
  ];
}

/** What some tests use and this host lacks: the real AWS CLI, and a program that runs in an image without libraries. */
export function testPackages(): readonly SystemPackage[] {
  const instead = 'nothing else is needed';
  const aws = { title: 'The AWS CLI', packages: ['awscli'], instead };
  const busybox = { title: 'A static busybox', packages: ['busybox-static'], instead };
  const wanted = process.env.LONGSHORE_TEST_MACHINES !== '0' && process.arch === 'x64' && process.geteuid?.() === 0;
  const machines = wanted ? missingForMachines() : undefined;
  // Where packages' services are started at once, a server is nothing to install unasked.
  const wantsNfs = wanted && findProgram('ganesha.nfsd') === undefined && !existsSync('/run/systemd/system');
  return [
    ...(findProgram('aws') === undefined ? [aws] : []),
    ...(hasStaticBusybox() ? [] : [busybox]),
    ...(machines ? [machines] : []),
    ...(wantsNfs ? [nfsServer] : []),
  ];
}

/** Of user space, for machines that mount its exports. */
const nfsServer: SystemPackage = {
  title: 'An NFS server',
  packages: ['nfs-ganesha', 'nfs-ganesha-vfs'],
  instead: 'its tests are left out',
  optional: true,
};

function hasStaticBusybox(): boolean {
  const path = findProgram('busybox');
  // A program that needs libraries names its loader.
  return path !== undefined && !/\/ld-(linux|musl)/.test(readFileSync(path, 'latin1'));
}

/** @throws Failure that says what to do by hand, unless everything that cannot be had is optional */
export async function installPackages(missing: readonly SystemPackage[], say: (line: string) => void): Promise<void> {
  const required = missing.filter(({ optional }) => !optional);
  if (required.length > 0) await install(missing, say);
  else
    await install(missing, say).catch((error: unknown) => {
      if (!(error instanceof Failure)) throw error;
      say(error.message);
    });
}

async function install(missing: readonly SystemPackage[], say: (line: string) => void): Promise<void> {
  if (missing.length === 0) return;
  const titles = missing.map(({ title }) => title).join(' and ');
  const are = missing.length > 1 ? 'are' : 'is';
  const names = missing.flatMap(({ packages }) => packages);
  const instead = missing.map((one) => one.instead).join('; ');
  if (findProgram('apt-get') === undefined)
    throw new Failure(`${titles} ${are} missing and there is no apt-get to install with: ${instead}.`);
  const noninteractive = ['env', 'DEBIAN_FRONTEND=noninteractive'];
  const command = asRoot([...noninteractive, 'apt-get', 'install', '-y', '--no-install-recommends', ...names]);
  const update = asRoot([...noninteractive, 'apt-get', 'update']);
  if (command === undefined || update === undefined)
    throw new Failure(
      `${titles} ${are} missing and only root can install: run \`apt-get install ${names.join(' ')}\` as root, or ${instead}.`,
    );
  say(`Installing ${titles} (apt-get install ${names.join(' ')}) …`);
  // A fresh machine has no package lists yet, and old ones name files that are gone.
  await runCommand(update);
  const { ok, output } = await runCommand(command);
  if (!ok) throw new Failure(`${titles} could not be installed (${lastLine(output)}): ${instead}.`);
}
