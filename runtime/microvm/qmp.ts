/** QEMU's machine protocol: commands with one answer each, and events. */
import type { Socket } from 'node:net';
import { DriverError } from '../driver.ts';

export interface Qmp {
  /** @throws DriverError kind engine with QEMU's words, or when it is gone */
  run<T = unknown>(command: string, parameters?: object): Promise<T>;
  onEvent(listener: (name: string, data: Readonly<Record<string, unknown>>) => void): void;
  readonly closed: Promise<void>;
  close(): void;
}

/** Milliseconds. A monitor answers at once, unless it was stopped from outside; its guest has nothing to do with it. */
const PATIENCE = 30_000;
/** Longest line that is read: no answer to a command of ours is longer. */
const maxLine = 2 ** 20;

interface Line {
  readonly return?: unknown;
  readonly error?: { readonly desc?: string };
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export async function openQmp(socket: Socket): Promise<Qmp> {
  const waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  const listeners: ((name: string, data: Readonly<Record<string, unknown>>) => void)[] = [];
  let text = '';

  const closed = new Promise<void>((resolve) => {
    // What went wrong shows as the end of the connection.
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { reject } of waiting.splice(0))
        reject(new DriverError('engine', 'The virtual machine monitor has ended.'));
      resolve();
    });
  });
  const take = (line: Line) => {
    if (line.event !== undefined) {
      for (const listener of listeners) listener(line.event, line.data ?? {});
      return;
    }
    if (!('return' in line) && line.error === undefined) return; // the greeting
    const next = waiting.shift();
    if (line.error) next?.reject(new DriverError('engine', `QEMU: ${line.error.desc ?? 'failed'}`));
    else next?.resolve(line.return);
  };
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    try {
      if (text.length > maxLine) throw new SyntaxError('a line without end');
      for (const line of lines) if (line.trim() !== '') take(JSON.parse(line) as Line);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      socket.destroy();
    }
  });

  const qmp: Qmp = {
    run: <T>(command: string, parameters?: object) =>
      new Promise<T>((resolve, reject) => {
        if (socket.destroyed) return reject(new DriverError('engine', 'The virtual machine monitor has ended.'));
        const timer = setTimeout(() => socket.destroy(), PATIENCE);
        const settle =
          <V>(how: (value: V) => void) =>
          (value: V) => {
            clearTimeout(timer);
            how(value);
          };
        waiting.push({ resolve: settle(resolve as (value: unknown) => void), reject: settle(reject) });
        socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
      }),
    onEvent: (listener) => void listeners.push(listener),
    closed,
    close: () => socket.destroy(),
  };
  await qmp.run('qmp_capabilities');
  return qmp;
}
