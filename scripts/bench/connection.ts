/** A kept-alive HTTP connection that costs the measured machine next to nothing: bytes out, one answer in. */
import { once } from 'node:events';
import { connect } from 'node:net';

export interface Connection {
  /** One at a time. @throws Error when the answer is not 200 */
  send(request: Buffer): Promise<Buffer>;
  close(): void;
}

export async function openConnection(endpoint: string): Promise<Connection> {
  const { hostname, port } = new URL(endpoint);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  let received: Buffer = Buffer.alloc(0);
  let waiting: { resolve(body: Buffer): void; reject(error: Error): void } | undefined;

  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const answer = parseAnswer(received);
    if (!answer || !waiting) return;
    received = Buffer.alloc(0);
    const { resolve, reject } = waiting;
    waiting = undefined;
    if (answer.status === 200) resolve(answer.body);
    else reject(new Error(`The API answered ${answer.status}: ${answer.body}`));
  });
  const fail = (error: Error) => waiting?.reject(error);
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('The API closed the connection.')));

  return {
    send: async (request) =>
      await new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

const headEnd = Buffer.from('\r\n\r\n');

/** undefined: not all of it is there. */
function parseAnswer(bytes: Buffer): { readonly status: number; readonly body: Buffer } | undefined {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  if (bytes.length < end + headEnd.length + length) return undefined;
  const body = bytes.subarray(end + headEnd.length, end + headEnd.length + length);
  return { status: Number(head.slice(9, 12)), body };
}
