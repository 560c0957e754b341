/** The child's side of `longshore api` and `longshore worker`: start, tell the supervisor, end when told to or alone. */
import { Writable } from 'node:stream';
import { type Logger, pino, stdSerializers } from 'pino';
import type { Settings } from '../core/settings.ts';
import { envCommand } from './env.ts';
import { hasCode, sentenceOf } from './failure.ts';
import { endpointOf } from './instance.ts';
import { readableLine } from './logs.ts';
import { moveIn } from './residents.ts';

/** What a child tells its supervisor. */
export type FromRole = { readonly type: 'ready' } | { readonly type: 'failed'; readonly message: string };

/** What a supervisor tells its child. */
export interface ToRole {
  readonly type: 'stop';
  readonly stopTasks: boolean;
}

export interface StartedRole {
  close(options?: { readonly stopTasks?: boolean }): Promise<void>;
}

/** Milliseconds that a child without a supervisor may take to close. */
const lonelyGrace = 10_000;

/**
 * Runs until it is told to stop by its supervisor's message, the end of the channel to it, SIGTERM or Ctrl-C; a second
 * signal ends it at once.
 */
export async function runRole(
  name: 'api' | 'worker',
  settings: Settings,
  redisUrl: string,
  start: (log: Logger, giveUp: (error: Error) => void) => Promise<StartedRole>,
): Promise<void> {
  const log = openLog(settings);
  let closing: Promise<void> | undefined;
  const stop = (stopTasks: boolean) => {
    closing ??= close(started, stopTasks, log);
  };
  const onSignal = () => {
    if (closing !== undefined) process.exit(130);
    stop(false);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('SIGHUP', onSignal);
  process.on('message', (message: ToRole) => stop(message.stopTasks));
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), lonelyGrace).unref();
    stop(false);
  });
  const giveUp = (error: Error) => {
    log.fatal(error);
    process.exit(1);
  };
  process.on('uncaughtException', giveUp);

  const started = (async () => {
    process.on('exit', moveIn(name, settings, redisUrl));
    return await start(log, giveUp);
  })();
  try {
    await started;
  } catch (error) {
    const message = explain(error, settings);
    log.debug(error);
    await tell({ type: 'failed', message });
    if (!process.connected) console.error(message);
    process.exit(1);
  }
  await tell({ type: 'ready' });
  log.info(name === 'worker' ? 'worker is ready' : welcome(settings));
}

async function close(started: Promise<StartedRole>, stopTasks: boolean, log: Logger): Promise<void> {
  try {
    await (await started).close({ stopTasks });
    process.exit(0);
  } catch (error) {
    log.error(error, 'closing failed');
    process.exit(1);
  }
}

function welcome(settings: Settings): string {
  const { region, dataDir } = settings;
  return `api is ready at ${endpointOf(settings)} in region ${region}; to point AWS clients here: ${envCommand(dataDir)}`;
}

function explain(error: unknown, { host, port }: Settings): string {
  if (hasCode(error, 'EADDRINUSE')) return portTaken(host, port);
  return sentenceOf(error);
}

export function portTaken(host: string, port: number): string {
  return `Port ${port} on ${host} is used by another program: stop that, or choose another with --port or LONGSHORE_PORT.`;
}

function tell(message: FromRole): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) return resolve();
    // A supervisor that is gone needs no message.
    process.send(message, () => resolve());
  });
}

/** JSON lines, except on a terminal. */
function openLog(settings: Settings): Logger {
  const options = { level: settings.logLevel, base: null, serializers: { error: stdSerializers.errWithCause } };
  if (process.send !== undefined || !process.stdout.isTTY) return pino(options);
  const terminal = new Writable({
    write: (line, _encoding, done) => process.stdout.write(readableLine(String(line)), () => done()),
  });
  return pino(options, terminal);
}
