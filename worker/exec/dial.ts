/** A worker's WebSocket to the API process that has a session's client. */
import type { Logger } from 'pino';
import { WebSocket } from 'ws';
import { type Summons, workerPath } from '../../core/exec/session.ts';
import type { Link } from './data-channel.ts';

export interface ApiLink extends Link {
  listen(listener: { receive(frame: Buffer): void; closed(): void }): void;
}

/** Milliseconds. */
const dialPatience = 10_000;
/** Bytes; the API passes on nothing longer from a client. */
const longestFrame = 1 << 20;
/** Milliseconds that the other side has to end a connection. */
const closePatience = 15_000;

/** @throws Error when the API cannot be reached or no longer waits for this worker */
export async function dialApi(
  { address, ticket }: Pick<Extract<Summons, { type: 'attach' }>, 'address' | 'ticket'>,
  log: Logger,
): Promise<ApiLink> {
  const url = new URL(workerPath, address.replace(/^http/, 'ws'));
  const socket = new WebSocket(url, {
    handshakeTimeout: dialPatience,
    perMessageDeflate: false,
    maxPayload: longestFrame,
    headers: { authorization: `Bearer ${ticket}` },
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', (error) => log.debug({ err: error }, 'the connection to the API broke'));
  // Nothing may be missed between the opening and `listen`.
  socket.pause();
  return {
    send: (frame) => socket.send(frame, { binary: true }, () => {}),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close() {
      socket.resume();
      socket.close(1000);
      setTimeout(() => socket.terminate(), closePatience).unref();
    },
    listen({ receive, closed }) {
      socket.on('message', (data, isBinary) => {
        if (isBinary) receive(data as Buffer);
      });
      socket.once('close', closed);
      socket.resume();
    },
  };
}
