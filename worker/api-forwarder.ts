/** Lets tasks reach the API at their network's gateway, whatever address the API itself listens on. */
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Logger } from 'pino';

/** Listens on `gateway` at the API's own port and passes connections on to `endpoint`. */
export async function startApiForwarder(
  gateway: string,
  endpoint: string,
  log: Logger,
): Promise<{ close(): Promise<void> }> {
  const { hostname, port } = new URL(endpoint);
  const target = Number(port || 80);
  const open = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(target, hostname);
    open.add(incoming);
    incoming.once('close', () => open.delete(incoming));
    const ended = (error: Error | null | undefined) => {
      if (error) log.debug({ err: error }, 'a connection from a task broke');
    };
    pipeline(incoming, outgoing, ended);
    pipeline(outgoing, incoming, ended);
  });
  await new Promise<void>((resolve) => {
    server.once('error', (error) => {
      log.warn({ err: error, gateway, port: target }, 'tasks cannot reach the API: its port is taken on their gateway');
      resolve();
    });
    server.listen(target, gateway, resolve);
  });
  server.on('error', (error) => log.warn({ err: error }, 'forwarding to the API failed'));
  return {
    close: async () => {
      if (!server.listening) return;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
