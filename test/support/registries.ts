/** Registries that go wrong: they know no image, have it for other machines, or never answer. */
import { createHash } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface TestRegistry {
  /** `127.0.0.1:PORT`, which engines take to be plain HTTP. */
  readonly host: string;
  close(): Promise<void>;
}

/** Speaks the protocol and has nothing. */
export async function emptyRegistry(): Promise<TestRegistry> {
  const server = createHttpServer((request, response) => {
    if (request.url === '/v2/') return response.end('{}');
    const body = { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] };
    return response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  return await listening(server, () => server.closeAllConnections());
}

/** Has every image, for one processor alone. */
export async function registryFor(architecture: 'amd64' | 'arm64'): Promise<TestRegistry> {
  const type = 'application/vnd.docker.distribution.manifest.list.v2+json';
  const manifest = {
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    size: 500,
    digest: `sha256:${'0'.repeat(64)}`,
    platform: { os: 'linux', architecture },
  };
  const list = JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [manifest] });
  const headers = {
    'content-type': type,
    'content-length': list.length,
    'docker-content-digest': `sha256:${createHash('sha256').update(list).digest('hex')}`,
  };
  const server = createHttpServer((request, response) => {
    if (request.url === '/v2/') response.end('{}');
    else response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : list);
  });
  return await listening(server, () => server.closeAllConnections());
}

/** Takes connections and says nothing. */
export async function silentRegistry(): Promise<TestRegistry> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => open.delete(socket));
  });
  return await listening(server, () => {
    for (const socket of open) socket.destroy();
  });
}

async function listening(server: Server, disconnect: () => void): Promise<TestRegistry> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      disconnect();
      await closed;
    },
  };
}
