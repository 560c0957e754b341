/**
 * One session of ECS Exec: a command on a terminal in a container, and the data channel to whoever asked for it.
 * The command lives as long as the session: it is ended when the client is gone for too long, idle for too long, or says
 * so, and when this process ends.
 */
import type { Logger } from 'pino';
import type { After, Clock } from '../../core/clock.ts';
import type { ExecSessionSpec } from '../../core/exec/session.ts';
import { type ContainerHandle, type Driver, DriverError, type ExecSession } from '../../runtime/driver.ts';
import { createDataChannel, type Link, type TerminalSize } from './data-channel.ts';
import { type OpenTranscript, TranscriptError } from './transcript.ts';

export interface ExecSessionContext {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly after: After;
  readonly log: Logger;
  /** Milliseconds without input or output after which a session ends. */
  readonly idleTimeout: number;
  /** Milliseconds that a client may be away. */
  readonly resumeWithin: number;
  readonly openTranscript: OpenTranscript;
  /** undefined: the container does not run here. */
  readonly container: (session: ExecSessionSpec) => ContainerHandle | undefined;
}

export interface RunningExecSession {
  attach(link: Link): void;
  detach(link: Link): void;
  receive(frame: Buffer): void;
  /** Ends the command; `reason` is shown at the client. */
  end(reason: string): void;
  /** The command is gone, and the client has been told. */
  readonly ended: Promise<void>;
}

/** Bytes of input that wait for the command before the client is stopped, and below which it may go on. */
const inputHigh = 1 << 20;
const inputLow = 1 << 18;

/** Exit code of a command that was killed. */
const killed = 137;
/** Milliseconds. */
const endPatience = 1000;

export const words = {
  idle: 'Your session timed out due to inactivity.',
  notRunning: 'The container is not running.',
  stopped: 'The container has stopped.',
};

export function startExecSession(context: ExecSessionContext, spec: ExecSessionSpec): RunningExecSession {
  const { driver, clock, after } = context;
  const log = context.log.child({ session: spec.sessionId, task: spec.taskId, container: spec.container });
  const over = new AbortController();
  /** Why it ends, when it does not by itself. */
  let reason: string | undefined;
  let exec: ExecSession | undefined;
  let lastActivity = clock();
  let cancelIdle = () => {};
  let cancelAway = () => {};
  let away: Promise<void> | undefined;
  let returned = () => {};
  const input: Buffer[] = [];
  let inputBytes = 0;
  let open = false;
  let writing = false;
  let size: TerminalSize | undefined;
  let becomeReady: (size: TerminalSize | undefined) => void = () => {};
  const ready = new Promise<TerminalSize | undefined>((resolve) => {
    becomeReady = resolve;
  });

  const channel = createDataChannel({
    sessionId: spec.sessionId,
    clock,
    after,
    events: {
      ready: becomeReady,
      input(data) {
        lastActivity = clock();
        input.push(data);
        inputBytes += data.length;
        if (inputBytes > inputHigh) channel.hold(true);
        if (open && !writing) pumpInput();
      },
      resized(newest) {
        size = newest;
        if (exec) setSize(exec);
      },
      terminated: () => end(''),
      failed: end,
    },
  });

  /** A command that has just ended has no size any more. */
  async function setSize({ resize }: ExecSession): Promise<void> {
    if (!size) return;
    await resize(size).catch((error: unknown) => log.debug({ err: error }, 'a terminal could not be resized'));
  }

  /** Hands input on in its order; a program that does not read stops the client in the end. */
  async function pumpInput(): Promise<void> {
    if (!exec) return;
    open = true;
    writing = true;
    try {
      while (input.length > 0 && !over.signal.aborted) {
        const batch = Buffer.concat(input.splice(0));
        await exec.write(batch);
        inputBytes -= batch.length;
        if (inputBytes <= inputLow) channel.hold(false);
      }
    } catch (error) {
      // Its output's end tells that it is over.
      log.debug({ err: error }, 'input could not be handed on');
    } finally {
      writing = false;
    }
  }

  function watchIdle(): void {
    const left = lastActivity + context.idleTimeout - clock();
    if (left <= 0) end(words.idle);
    else cancelIdle = after(left, watchIdle);
  }

  function end(why: string): void {
    if (over.signal.aborted) return;
    reason = why;
    over.abort();
    becomeReady(undefined);
    channel.closeOutput();
    channel.hold(false);
    exec?.kill().catch((error: unknown) => log.warn({ err: error }, 'a command could not be ended'));
  }

  async function run(): Promise<string> {
    size ??= await ready;
    if (over.signal.aborted) return reason ?? '';
    const handle = context.container(spec);
    if (!handle) return words.notRunning;
    const transcript = await context.openTranscript(spec);
    try {
      exec = await driver.exec(handle, {
        command: spec.command.length > 0 ? spec.command : ['sh'],
        tty: true,
        // As ECS Exec's agent, whatever the container's own user is.
        user: '0',
        environment: { TERM: 'xterm-256color' },
        defaultEnvironment: { LANG: 'C.UTF-8' },
      });
      if (over.signal.aborted) await exec.kill();
      log.info('a session has begun');
      // What was typed early finds a terminal of the right size.
      setSize(exec).finally(pumpInput);
      for await (const { data } of exec.output) {
        lastActivity = clock();
        await transcript.write(data);
        await channel.write(data);
        if (over.signal.aborted) break;
      }
      const { exitCode } = await exec.wait();
      log.info({ exitCode }, 'a session has ended');
      if (reason !== undefined) return reason;
      return (await stillRuns(handle, exitCode)) ? '' : words.stopped;
    } finally {
      await transcript.close();
    }
  }

  /** A container that ends takes its commands with it a moment before it is seen to have ended. */
  async function stillRuns(handle: ContainerHandle, exitCode: number): Promise<boolean> {
    if (exitCode === killed) {
      const enough = new AbortController();
      const cancel = after(endPatience, () => enough.abort());
      await driver.waitContainer(handle, enough.signal).catch(() => {});
      cancel();
    }
    const state = await driver.inspectContainer(handle);
    return state?.status === 'running';
  }

  /** What the client is shown of what went wrong. */
  function explain(error: unknown): string {
    if (reason !== undefined) return reason;
    if (error instanceof TranscriptError) return error.message;
    if (error instanceof DriverError && error.kind === 'start')
      return `\n----------ERROR-------\nUnable to start command: ${error.message}\n`;
    if (error instanceof DriverError && error.kind === 'not-found') return words.stopped;
    log.warn({ err: error }, 'a session broke');
    return 'The session ended because of an internal error.';
  }

  async function live(): Promise<void> {
    const output = await run().catch(async (error: unknown) => {
      await exec?.kill().catch((failure: unknown) => log.warn({ err: failure }, 'a command could not be ended'));
      return explain(error);
    });
    cancelIdle();
    over.abort();
    // A client that is away hears the end when it comes back in time.
    await away;
    await channel.finish(output);
    cancelAway();
    channel.destroy();
  }

  watchIdle();
  return {
    attach(link) {
      cancelAway();
      returned();
      away = undefined;
      channel.attach(link);
    },
    detach(link) {
      if (!channel.detach(link)) return;
      away = new Promise((resolve) => {
        returned = resolve;
      });
      cancelAway = after(context.resumeWithin, () => {
        returned();
        end('');
      });
    },
    receive: channel.receive,
    end,
    ended: live(),
  };
}
