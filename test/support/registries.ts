/** Registries that go wrong: they know no image, have it for other machines, never answer, or move their tags. */
import { createHash } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { tarOf } from '../../runtime/docker/tar.ts';

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
    'docker-content-digest': sha256(list),
  };
  const server = createHttpServer((request, response) => {
    if (request.url === '/v2/') response.end('{}');
    else response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : list);
  });
  return await listening(server, () => server.closeAllConnections());
}

export interface MovingRegistry extends TestRegistry {
  /** Has `app:latest` be an image of one file that holds `text` from now on; returns the manifest's digest. */
  point(text: string): string;
}

/** Keeps all images that its one tag ever named. */
export async function movingRegistry(architecture: 'amd64' | 'arm64'): Promise<MovingRegistry> {
  const type = 'application/vnd.docker.distribution.manifest.v2+json';
  const blobs = new Map<string, Buffer>();
  let latest = '';
  const keep = (data: Buffer | string, mediaType: string) => {
    const digest = sha256(data);
    blobs.set(digest, Buffer.from(data));
    return { mediaType, size: Buffer.byteLength(data), digest };
  };
  const server = createHttpServer((request, response) => {
    const [, kind, name = ''] = /^\/v2\/app\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? [];
    const digest = name === 'latest' ? latest : name;
    const data = blobs.get(digest);
    if (request.url === '/v2/') return response.end('{}');
    if (!data) return response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    const contentType = kind === 'manifests' ? type : 'application/octet-stream';
    response.writeHead(200, {
      'content-type': contentType,
      'content-length': data.length,
      'docker-content-digest': digest,
    });
    return response.end(request.method === 'HEAD' ? undefined : data);
  });
  return {
    ...(await listening(server, () => server.closeAllConnections())),
    point(text) {
      const tar = tarOf([{ path: 'text', data: Buffer.from(text) }]);
      const image = { architecture, os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [sha256(tar)] } };
      const config = keep(JSON.stringify(image), 'application/vnd.docker.container.image.v1+json');
      const layer = keep(gzipSync(tar), 'application/vnd.docker.image.rootfs.diff.tar.gzip');
      latest = keep(JSON.stringify({ schemaVersion: 2, mediaType: type, config, layers: [layer] }), type).digest;
      return latest;
    },
  };
}

function sha256(data: Buffer | string): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
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
