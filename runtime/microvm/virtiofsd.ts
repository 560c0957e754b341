/** The program that gives a machine directories of its host. There are two of that name. */
import { isThere } from './is-there.ts';

export interface FileServer {
  readonly program: string;
  readonly options: readonly string[];
}

/** Where the jail puts folders, and the descriptor on which it listens. */
const FOLDERS = '/folders';
const LISTENER = 41;
/** Each is a request that waits for the host's disk. */
const THREADS = 8;

/** A device node that a task made would be one of the host's. */
const noDevices = '-mknod';

/** Comes with QEMU up to 7.2. */
const older: FileServer = {
  program: '/usr/lib/qemu/virtiofsd',
  options: [
    ...[`--fd=${LISTENER}`, '-f', `--thread-pool-size=${THREADS}`],
    ...[
      '-o',
      `source=${FOLDERS},sandbox=namespace,cache=auto,xattr,announce_submounts,log_level=err,modcaps=${noDevices}`,
    ],
  ],
};

/** A package of its own since. */
const newer: FileServer = {
  program: '/usr/libexec/virtiofsd',
  options: [
    ...[`--fd=${LISTENER}`, `--shared-dir=${FOLDERS}`, `--thread-pool-size=${THREADS}`, '--sandbox=namespace'],
    ...['--cache=auto', '--xattr', '--announce-submounts', '--log-level=error', `--modcaps=${noDevices}`],
  ],
};

/** undefined: neither is installed. */
export async function findFileServer(): Promise<FileServer | undefined> {
  for (const server of [newer, older]) if (await isThere(server.program)) return server;
  return undefined;
}
