/** What the engine says about itself and its host. */
import { release } from 'node:os';
import { DriverError } from '../driver.ts';
import { type Engine, failure } from './engine.ts';
import type { Architecture } from './pause-image.ts';

export interface EngineFacts {
  readonly version: string;
  readonly architecture: Architecture;
  readonly cgroupVersion: 1 | 2 | 'none';
  readonly cgroupDriver: 'cgroupfs' | 'systemd' | 'none';
  readonly rootless: boolean;
  /** Users in containers are other users of the host. */
  readonly remapsUsers: boolean;
  /** The engine's host is this host, as far as can be told from outside. */
  readonly sameHost: boolean;
  readonly pidsLimit: boolean;
  /** Where the engine keeps images and containers, on its host. */
  readonly rootDirectory: string;
  /** `backing`: the file system below overlay2, for example `xfs`. */
  readonly storage: { readonly driver: string; readonly backing: string };
}

/** @throws DriverError kind engine */
export async function readFacts(engine: Engine): Promise<EngineFacts> {
  const info = await engine
    .call((docker) => docker.info(), 20_000)
    .catch((error: unknown) => {
      throw failure('engine', error);
    });
  if (info.OSType !== 'linux')
    throw new DriverError('engine', `The engine runs ${info.OSType} containers, not linux ones.`);
  const architecture = architectureOf(info.Architecture);
  if (!architecture)
    throw new DriverError('engine', `The engine's architecture ${info.Architecture} is not supported.`);
  const driver = info.CgroupDriver;
  const hasOption = (name: string) =>
    (info.SecurityOptions ?? []).some((option: string) => option.split(',').includes(`name=${name}`));
  const storage: [string, string][] = info.DriverStatus ?? [];
  return {
    version: info.ServerVersion,
    architecture,
    cgroupVersion: driver === 'none' ? 'none' : info.CgroupVersion === '2' ? 2 : 1,
    cgroupDriver: driver === 'systemd' || driver === 'cgroupfs' ? driver : 'none',
    rootless: hasOption('rootless'),
    remapsUsers: hasOption('userns'),
    sameHost: engine.unixSocket && info.KernelVersion === release() && !/docker desktop/i.test(info.OperatingSystem),
    pidsLimit: info.PidsLimit !== false,
    rootDirectory: info.DockerRootDir ?? '',
    storage: { driver: info.Driver ?? '', backing: storage.find(([key]) => key === 'Backing Filesystem')?.[1] ?? '' },
  };
}

function architectureOf(name: string): Architecture | undefined {
  if (name === 'x86_64' || name === 'amd64') return 'amd64';
  return name === 'aarch64' || name === 'arm64' ? 'arm64' : undefined;
}
