/**
 * The forward protocol of Fluent Bit and Fluentd: events in MessagePack over TCP, after a handshake that proves a shared
 * key, each delivery confirmed. https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { decodeMultiStream, Encoder, ExtData } from '@msgpack/msgpack';

export interface ForwardEvent {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly record: Readonly<Record<string, string>>;
}

export interface ForwardTarget {
  readonly host: string;
  readonly port: number;
  readonly sharedKey: string;
}

export interface ForwardClient {
  /** Resolves when the other side has confirmed. */
  send(tag: string, events: readonly ForwardEvent[], signal: AbortSignal): Promise<void>;
  close(): void;
}

const patience = 10_000;
const ownName = 'longshore';
/** The extension type of a time with nanoseconds. */
const eventTime = 0;

interface Connection {
  readonly socket: Socket;
  next(): Promise<unknown>;
}

/** Connects when there is something to send, and again after a failure. */
export function createForwardClient(target: () => ForwardTarget): ForwardClient {
  const encoder = new Encoder();
  let connection: Connection | undefined;

  async function open(): Promise<Connection> {
    const { host, port, sharedKey } = target();
    const socket = connect({ host, port, noDelay: true });
    socket.setTimeout(patience, () => socket.destroy(new Error('the log router does not answer')));
    // Errors are told by whatever reads or writes.
    socket.on('error', () => {});
    await once(socket, 'connect');
    const messages = decodeMultiStream(socket)[Symbol.asyncIterator]();
    const opened: Connection = {
      socket,
      async next() {
        const { value, done } = await messages.next();
        if (done) throw new Error('the log router closed the connection');
        return value;
      },
    };
    try {
      await shakeHands(opened, sharedKey);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return opened;
  }

  async function shakeHands({ socket, next }: Connection, sharedKey: string): Promise<void> {
    const [hello, options] = (await next()) as readonly [unknown, { readonly nonce?: Uint8Array | string }?];
    if (hello !== 'HELO') throw new Error('the log router does not begin with HELO');
    const nonce = Buffer.from(options?.nonce ?? '');
    const salt = randomBytes(16);
    const digest = (name: string) =>
      createHash('sha512').update(salt).update(name).update(nonce).update(sharedKey).digest('hex');
    socket.write(encoder.encode(['PING', ownName, salt, digest(ownName), '', '']));
    const [pong, accepted, reason, name, proof] = (await next()) as readonly unknown[];
    if (pong !== 'PONG' || accepted !== true) throw new Error(`the log router refused the connection: ${reason}`);
    if (proof !== digest(String(name))) throw new Error('the log router does not know the shared key');
  }

  function drop(): void {
    connection?.socket.destroy();
    connection = undefined;
  }

  return {
    async send(tag, events, signal) {
      signal.addEventListener('abort', drop, { once: true });
      try {
        connection ??= await open();
        const { socket, next } = connection;
        socket.setTimeout(patience);
        const chunk = randomUUID();
        const entries = events.map(({ timestamp, record }) => [timeOf(timestamp), record]);
        socket.write(encoder.encode([tag, entries, { size: entries.length, chunk }]));
        const answer = (await next()) as { readonly ack?: unknown };
        if (answer.ack !== chunk) throw new Error('the log router confirmed something else');
        // An idle connection is no failure.
        socket.setTimeout(0);
      } catch (error) {
        drop();
        throw error;
      } finally {
        signal.removeEventListener('abort', drop);
      }
    },
    close: drop,
  };
}

function timeOf(milliseconds: number): ExtData {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(Math.floor(milliseconds / 1000), 0);
  bytes.writeUInt32BE(Math.round((milliseconds % 1000) * 1e6), 4);
  return new ExtData(eventTime, bytes);
}
