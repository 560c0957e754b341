/** Where EFS file systems really are: what LONGSHORE_EFS says, and which of it a volume means. */
import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { EFSVolumeConfiguration } from '@aws-sdk/client-ecs';

/** A directory on the worker's host, or an NFS export. */
export type EfsSource =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'nfs'; readonly server: string; readonly path: string };

export interface EfsFileSystem {
  readonly source: EfsSource;
  /** Access point id -> names of the folders that lead to it. */
  readonly accessPoints: ReadonlyMap<string, readonly string[]>;
}

/** By file-system id. */
export type EfsFileSystems = ReadonlyMap<string, EfsFileSystem>;

export interface EfsPlace {
  readonly source: EfsSource;
  /** Names of the folders below the source, outermost first. */
  readonly subPath: readonly string[];
}

/** One sentence on what is wrong with the setting, or with what a volume asks of it. */
export class EfsError extends Error {
  override readonly name = 'EfsError';
}

const example = '{"fs-0123456789abcdef0": "/srv/efs"}';

/**
 * @param setting JSON, or the path of a file that holds it (read each time, so that it may change); undefined: no mapping
 * @throws EfsError
 */
export function readEfsFileSystems(setting: string | undefined): EfsFileSystems {
  if (setting === undefined) return new Map();
  if (setting.trimStart().startsWith('{')) return parseEfsFileSystems(setting);
  let text: string;
  try {
    text = readFileSync(setting, 'utf8');
  } catch (error) {
    throw new EfsError(`LONGSHORE_EFS: ${setting} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  return parseEfsFileSystems(text);
}

/** @throws EfsError */
export function parseEfsFileSystems(text: string): EfsFileSystems {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    // Where JSON.parse stopped helps nobody who wrote one line.
    throw new EfsError(`LONGSHORE_EFS must be JSON such as ${example}.`);
  }
  return new Map(Object.entries(record(given, 'LONGSHORE_EFS')).map(([id, value]) => [id, fileSystem(id, value)]));
}

function fileSystem(id: string, value: unknown): EfsFileSystem {
  if (!/^fs-[0-9a-f]{8,40}$/.test(id)) throw new EfsError(`LONGSHORE_EFS: ${id} is not the id of a file system.`);
  if (typeof value === 'string') return { source: source(id, value), accessPoints: new Map() };
  const { source: from, accessPoints = {}, ...others } = record(value, `LONGSHORE_EFS: ${id}`);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new EfsError(`LONGSHORE_EFS: ${id} has an unknown member "${unknown}".`);
  if (typeof from !== 'string') throw new EfsError(`LONGSHORE_EFS: ${id} has no "source".`);
  const points = Object.entries(record(accessPoints, `LONGSHORE_EFS: accessPoints of ${id}`));
  return { source: source(id, from), accessPoints: new Map(points.map(([point, path]) => accessPoint(point, path))) };
}

function accessPoint(id: string, path: unknown): [string, readonly string[]] {
  if (!/^fsap-[0-9a-f]{8,40}$/.test(id)) throw new EfsError(`LONGSHORE_EFS: ${id} is not the id of an access point.`);
  const names = typeof path === 'string' ? folderNames(path) : undefined;
  if (!names) throw new EfsError(`LONGSHORE_EFS: the path of ${id} must be in its file system, without "..".`);
  return [id, names];
}

function source(id: string, text: string): EfsSource {
  const [, server, path] = /^nfs:\/\/([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(\/.*)$/.exec(text) ?? [];
  const folder = path ?? text;
  const wrong = !isAbsolute(folder) || folder.split('/').includes('..') || /[\0\n,]/.test(folder);
  if (wrong || (server === undefined && folder === '/'))
    throw new EfsError(
      `LONGSHORE_EFS: ${id} must be an absolute directory other than / or nfs://host/path, without "..".`,
    );
  return server === undefined
    ? { kind: 'directory', path: folder }
    : { kind: 'nfs', server: server.replace(/^\[|\]$/g, ''), path: folder };
}

/**
 * What a volume means.
 * @throws EfsError with one sentence that names LONGSHORE_EFS when the mapping lacks it
 */
export function locateEfs(fileSystems: EfsFileSystems, volume: EFSVolumeConfiguration): EfsPlace {
  const { fileSystemId = '', rootDirectory = '/', authorizationConfig } = volume;
  const known = fileSystems.get(fileSystemId);
  if (!known)
    throw new EfsError(
      `EFS file system ${fileSystemId} is not mapped to a directory or NFS export: add it to the setting LONGSHORE_EFS.`,
    );
  const root = folderNames(rootDirectory);
  if (!root) throw new EfsError(`The root directory ${rootDirectory} leads out of EFS file system ${fileSystemId}.`);
  const pointId = authorizationConfig?.accessPointId;
  if (pointId === undefined) return { source: known.source, subPath: root };
  const point = known.accessPoints.get(pointId);
  if (!point)
    throw new EfsError(
      `EFS access point ${pointId} of file system ${fileSystemId} is not mapped to a folder: add it to the setting LONGSHORE_EFS.`,
    );
  return { source: known.source, subPath: [...point, ...root] };
}

/** undefined: the path leads out of where it starts. */
function folderNames(path: string): readonly string[] | undefined {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  return names.some((name) => name === '..' || name.includes('\0')) ? undefined : names;
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new EfsError(`${what} must be an object, such as ${example}.`);
  return value as Readonly<Record<string, unknown>>;
}
