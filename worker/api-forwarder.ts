/** Lets others reach the API at an address of this host, whatever address the API itself listens on. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Logger } from 'pino';
import { limitConnections } from './connection-limit.ts';

/** At once, from one address: more than any client of AWS keeps. */
const mostConnections = 1000;

/** Hosts of endpoints whose API takes connections at any address. */
const everywhere = new Set(['0.0.0.0', '::']);

export interface Forwarder {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Listens and passes connections on to `endpoint`.
 * @param port 0: any free one
 * @throws Error with code EADDRINUSE and the like
 */
export async function startForwarder(address: string, port: number, endpoint: string, log: Logger): Promise<Forwarder> {
  const target = targetOf(endpoint);
  const open = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(target.port, target.host);
    open.add(incoming);
    incoming.once('close', () => open.delete(incoming));
    const ended = (error: Error | null | undefined) => {
      if (error) log.debug({ err: error }, 'a connection to the API broke');
    };
    pipeline(incoming, outgoing, ended);
    pipeline(outgoing, incoming, ended);
  });
  limitConnections(server, mostConnections);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => log.warn({ err: error }, 'forwarding to the API failed'));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/**
 * For tasks: on their network's gateway, at the API's own port. undefined: the port is taken there by something else;
 * tasks run, and cannot reach the API.
 */
export async function startApiForwarder(
  gateway: string,
  endpoint: string,
  log: Logger,
): Promise<Forwarder | undefined> {
  const { host, port } = targetOf(endpoint);
  // An API that listens on every address is there already.
  if (everywhere.has(host)) return { port, close: async () => {} };
  try {
    return await startForwarder(gateway, port, endpoint, log);
  } catch (error) {
    log.warn({ err: error, gateway, port }, 'tasks cannot reach the API: its port is taken on their gateway');
    return undefined;
  }
}

/**
 * For the container engine, which pulls over plain HTTP from addresses of its own host only: an address of the loopback
 * where it finds the API. The API's own port when it is free, so that images keep their names over restarts.
 */
export async function startRegistryForwarder(endpoint: string, log: Logger): Promise<Forwarder> {
  const { host, port } = targetOf(endpoint);
  if (everywhere.has(host) || host === 'localhost' || host.startsWith('127.')) return { port, close: async () => {} };
  try {
    return await startForwarder('127.0.0.1', port, endpoint, log);
  } catch {
    return await startForwarder('127.0.0.1', 0, endpoint, log);
  }
}

function targetOf(endpoint: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(endpoint);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) };
}
