import { once } from 'node:events';
import { createServer as createHttpServer, get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { limitConnections } from '../../worker/connection-limit.ts';

async function listening(server: Server): Promise<number> {
  limitConnections(server, 10);
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Connections of one address of the loopback; those that are closed at once are not among them. */
async function connections(port: number, count: number, host: string): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: host });
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    return socket;
  });
  await Promise.all(sockets.map(async (socket) => await once(socket, 'connect').catch(() => {})));
  return sockets;
}

const stillOpen = (sockets: readonly Socket[]) => sockets.filter((socket) => !socket.closed).length;

test('one address has so many connections, and others have theirs', async () => {
  const port = await listening(createServer((socket) => socket.on('error', () => {}).resume()));
  const many = await connections(port, 15, '127.0.0.2');
  await expect.poll(() => stillOpen(many)).toBe(10);
  const others = await connections(port, 10, '127.0.0.3');
  for (const socket of many) socket.resume().end();
  await expect.poll(() => stillOpen(many)).toBe(0);
  const again = await connections(port, 10, '127.0.0.2');
  expect(stillOpen(others)).toBe(10);
  expect(stillOpen(again)).toBe(10);
});

test('a server of HTTP goes on answering', async () => {
  const port = await listening(createHttpServer((_, response) => response.end('here')));
  const many = await connections(port, 30, '127.0.0.2');
  await expect.poll(() => stillOpen(many)).toBe(10);
  const [answer] = (await once(get({ port, host: '127.0.0.1', localAddress: '127.0.0.3' }), 'response')) as [
    IncomingMessage,
  ];
  expect(answer.statusCode).toBe(200);
  answer.resume();
});
