/** The supervisor's side of the API and worker processes. */
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Settings, settingsToEnv } from '../core/settings.ts';
import { Failure } from './failure.ts';
import type { Running } from './keeper.ts';
import { type LogFile, logChild } from './logs.ts';
import type { FromRole, ToRole } from './role.ts';

export interface StopRole {
  readonly stopTasks: boolean;
}

export interface RoleLaunch {
  readonly name: 'api' | 'worker';
  readonly settings: Settings;
  readonly redisUrl: string;
  readonly log: LogFile;
  readonly say: (line: string) => void;
  readonly onProcess: (pid: number) => void;
}

/** Milliseconds for a clean end; a task may take two minutes to stop. */
const patience = (stopTasks: boolean) => (stopTasks ? 150_000 : 20_000);

/** Resolves when the process says that it is ready. */
export async function launchRole(launch: RoleLaunch): Promise<Running<StopRole>> {
  const child = forkRole(launch);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  await readiness(child, ended, launch.name);
  return {
    ended,
    stop: async ({ stopTasks }) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), patience(stopTasks));
      const message: ToRole = { type: 'stop', stopTasks };
      // The channel may have closed with the process.
      if (child.connected) child.send(message, () => {});
      await ended;
      clearTimeout(timer);
    },
    kill: () => child.kill('SIGKILL'),
  };
}

function forkRole({ name, settings, redisUrl, log, say, onProcess }: RoleLaunch): ChildProcess {
  const cli = fileURLToPath(new URL(`./cli${extname(import.meta.url)}`, import.meta.url));
  const child = fork(cli, [name], {
    env: { ...process.env, ...settingsToEnv({ ...settings, redisUrl }) },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A session of its own: Ctrl-C in the terminal must reach only the supervisor, which tells its children in order.
    detached: true,
  });
  if (child.stdout) logChild(name, child.stdout, log, say);
  if (child.stderr) logChild(name, child.stderr, log, say);
  if (child.pid !== undefined) onProcess(child.pid);
  return child;
}

async function readiness(child: ChildProcess, ended: Promise<string>, name: string): Promise<void> {
  const told = new Promise<FromRole>((resolve) => child.once('message', (message) => resolve(message as FromRole)));
  const first = await Promise.race([told, ended]);
  if (typeof first === 'string') throw new Failure(`The ${name} process ended before it was ready (${first}).`);
  if (first.type === 'failed') throw new Failure(first.message);
}
