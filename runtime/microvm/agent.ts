/** The conversation with the agent in a virtual machine. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { DriverError } from '../driver.ts';
import { createDecoder, encodeRequest, ProtocolError, padding } from './protocol.ts';

export type Words = readonly [verb: string, ...rest: (string | number | Uint8Array)[]];

export interface Agent {
  /**
   * The words of the answer. Requests are handled in their order; those that wait for something are answered later.
   * @throws AgentError when the agent could not do it, DriverError kind engine when the machine is gone
   */
  call(...words: Words): Promise<readonly Buffer[]>;
  /**
   * The same, and what `parse` makes of the answer.
   * @param parse throws ProtocolError on what no agent of ours says, which ends the conversation
   */
  ask<T>(parse: (answer: readonly Buffer[]) => T, ...words: Words): Promise<T>;
  /** Resolves when the connection is over, with what is wrong with it where something is. */
  readonly closed: Promise<Error | undefined>;
  close(): void;
}

/** The guest's kernel refused something. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly errno: number;
  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

export const noSuchEntry = 2;
export const noSuchProcess = 3;

interface Pending {
  readonly resolve: (words: readonly Buffer[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Says hello on a connected socket. @param patience milliseconds until the agent must answer
 * @throws DriverError kind engine
 */
export async function greetAgent(socket: Socket, patience: number): Promise<Agent> {
  const nonce = randomBytes(24);
  const decoder = createDecoder(nonce);
  const pending = new Map<number, Pending>();
  let next = 1;
  let wrong: Error | undefined;

  const closed = new Promise<Error | undefined>((resolve) => {
    socket.on('error', (error) => {
      wrong ??= error;
    });
    socket.on('close', () => {
      const gone = new DriverError('engine', 'The virtual machine is gone.', { cause: wrong });
      for (const { reject } of pending.values()) reject(gone);
      pending.clear();
      resolve(wrong);
    });
  });

  socket.on('data', (chunk: Buffer) => {
    try {
      for (const { id, words } of decoder.push(chunk)) settle(id, words);
    } catch (error) {
      distrust(error);
    }
  });

  /** Ends everything with a guest that says what no agent of ours would. Throws what is another error. */
  const distrust = (error: unknown) => {
    if (!(error instanceof ProtocolError)) throw error;
    wrong ??= error;
    socket.destroy();
  };

  const settle = (id: number, [status, ...rest]: readonly Buffer[]) => {
    const waiting = pending.get(id);
    // Nobody asked, and to read on would take as much of this processor as the guest likes.
    if (!waiting) throw new ProtocolError('an answer to nothing');
    pending.delete(id);
    if (status?.toString() === 'ok') waiting.resolve(rest);
    else waiting.reject(errorOf(rest));
  };

  const call = (...words: Words) =>
    new Promise<readonly Buffer[]>((resolve, reject) => {
      if (socket.destroyed) return reject(new DriverError('engine', 'The virtual machine is gone.'));
      const id = next;
      next = (next + 1) >>> 0 || 1;
      const frame = encodeRequest(
        id,
        words.map((word) => (typeof word === 'number' ? String(word) : word)),
      );
      pending.set(id, { resolve, reject });
      socket.write(frame);
    });

  const ask = async <T>(parse: (answer: readonly Buffer[]) => T, ...words: Words) => {
    const answer = await call(...words);
    try {
      return parse(answer);
    } catch (error) {
      distrust(error);
      throw new DriverError('engine', 'The virtual machine is gone.', { cause: error });
    }
  };

  const agent: Agent = { call, ask, closed, close: () => socket.destroy() };
  socket.write(padding);
  const timer = setTimeout(() => socket.destroy(), patience);
  try {
    await call('hello', nonce);
    return agent;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function errorOf([errno, what, words]: readonly Buffer[]): AgentError {
  return new AgentError(Number(errno), `${what ?? 'the agent'}: ${words ?? 'failed'}`.slice(0, 1000));
}
