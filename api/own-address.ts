/** Where other machines reach this process, as far as it can tell by itself. */
import { networkInterfaces } from 'node:os';

/** @param host that the process listens on; for all addresses, the first that is not loopback */
export function ownAddress(host: string, port: number): string {
  if (host !== '0.0.0.0' && host !== '::') return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4');
  return `http://${outside?.address ?? '127.0.0.1'}:${port}`;
}
