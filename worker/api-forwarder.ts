/** Lets tasks reach the API at their network's gateway, whatever address the API itself listens on. */
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Logger } from 'pino';

/** Hosts of endpoints whose API takes connections at any address. */
const everywhere = new Set(['0.0.0.0', '[::]']);

export interface ApiForwarder {
  /** At the gateway. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Listens on `gateway` at the API's own port and passes connections on to `endpoint`; undefined: the port is taken
 * there by something else.
 */
export async function startApiForwarder(
  gateway: string,
  endpoint: string,
  log: Logger,
): Promise<ApiForwarder | undefined> {
  const { hostname, port } = new URL(endpoint);
  const target = Number(port || 80);
  // An API that listens on every address is there already.
  if (everywhere.has(hostname)) return { port: target, close: async () => {} };
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
  const listens = await new Promise<boolean>((resolve) => {
    server.once('error', (error) => {
      log.warn({ err: error, gateway, port: target }, 'tasks cannot reach the API: its port is taken on their gateway');
      resolve(false);
    });
    server.listen(target, gateway, () => resolve(true));
  });
  if (!listens) return undefined;
  server.on('error', (error) => log.warn({ err: error }, 'forwarding to the API failed'));
  return {
    port: target,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
