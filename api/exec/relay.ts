/** Two WebSockets made one: what comes from either goes to the other, no faster than that takes it. */
import type { RawData, WebSocket } from 'ws';

/** Bytes on their way to one side above which the other side is stopped, and below which it goes on. */
const high = 1 << 20;
const low = 1 << 18;
/** Milliseconds between two signs of life that each side must give. */
const pingInterval = 30_000;
/** Milliseconds that a side has to say goodbye. */
const closePatience = 15_000;

/** @param early what `client` sent before; it is paused */
export function relay(client: WebSocket, worker: WebSocket, early: readonly Buffer[]): void {
  for (const frame of early) worker.send(frame, { binary: true }, () => {});
  oneWay(client, worker);
  oneWay(worker, client);
  client.resume();
}

function oneWay(from: WebSocket, to: WebSocket): void {
  const taken = () => {
    if (from.isPaused && to.bufferedAmount <= low) from.resume();
  };
  from.on('message', (data: RawData, isBinary) => {
    if (!isBinary) return;
    to.send(data as Buffer, { binary: true }, taken);
    if (to.bufferedAmount > high) from.pause();
  });
  // Goes out after everything that was passed on.
  from.once('close', (code) => {
    if (to.readyState !== to.OPEN) return to.terminate();
    to.resume();
    to.close(code === 1000 ? 1000 : 1001);
    setTimeout(() => to.terminate(), closePatience).unref();
  });
}

/** Ends a connection whose other side does not answer any more. One that is stopped is not asked. */
export function keepAlive(socket: WebSocket): void {
  let alive = true;
  socket.on('pong', () => {
    alive = true;
  });
  const timer = setInterval(() => {
    if (socket.isPaused) return;
    if (!alive) return socket.terminate();
    alive = false;
    socket.ping(() => {});
  }, pingInterval);
  socket.once('close', () => clearInterval(timer));
}
