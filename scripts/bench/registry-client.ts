/** A client of registries that costs little itself: content made beforehand, streamed out, thrown away when it comes. */
import { createHash, randomBytes } from 'node:crypto';
import { Agent, type IncomingMessage, request } from 'node:http';
import { CreateRepositoryCommand, type ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';

export interface RegistryImage {
  readonly name: string;
  readonly blobs: readonly { readonly digest: string; readonly chunks: readonly Buffer[]; readonly size: number }[];
  readonly manifest: Buffer;
}

export interface Registry {
  push(image: RegistryImage): Promise<void>;
  pull(image: RegistryImage): Promise<void>;
  /** Puts so many small images into a repository that is there. */
  fill(repository: string, images: number): Promise<void>;
}

/** Blobs on their way at once, as container engines do. */
const atOnce = 3;
const chunkSize = 2 ** 20;
const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const noise = randomBytes(chunkSize);

/** Layers differ in their first bytes, so that no registry has one already. */
export function createImage(name: string, layers: number, layerSize: number): RegistryImage {
  const made = Array.from({ length: layers }, (_, at) => {
    const first = Buffer.from(noise);
    first.write(`${name} ${at} ${process.pid} ${Date.now()}`);
    return blobOf([first, ...Array.from({ length: layerSize / chunkSize - 1 }, () => noise)]);
  });
  const config = blobOf([Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', name, at: Date.now() }))]);
  return { name, blobs: [config, ...made], manifest: manifestOf(config, made) };
}

function blobOf(chunks: readonly Buffer[]) {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return {
    digest: `sha256:${hash.digest('hex')}`,
    chunks,
    size: chunks.reduce((sum, { length }) => sum + length, 0),
  };
}

function manifestOf(
  config: RegistryImage['blobs'][number],
  layers: RegistryImage['blobs'],
  annotations: Readonly<Record<string, string>> = {},
): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: config.size },
      layers: layers.map(({ digest, size }) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size })),
      annotations,
    }),
  );
}

/** @param ecr given for a registry that has repositories made and wants a login */
export async function registryClient(endpoint: string, ecr?: ECRClient): Promise<Registry> {
  const { hostname, port } = new URL(endpoint);
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const token =
    ecr && (await ecr.send(new GetAuthorizationTokenCommand({}))).authorizationData?.[0]?.authorizationToken;

  async function send(
    method: string,
    path: string,
    body: readonly Buffer[] = [],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<IncomingMessage> {
    return await new Promise((resolve, reject) => {
      const length = body.reduce((sum, chunk) => sum + chunk.length, 0);
      const all = { 'content-length': length, ...headers, ...(token && { authorization: `Basic ${token}` }) };
      const asked = request({ hostname, port, method, path, headers: all, agent }, (response) => {
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0 } = response;
          if (statusCode < 300) resolve(response);
          else reject(new Error(`${method} ${path} answered with ${statusCode}.`));
        });
        response.resume();
      });
      asked.on('error', reject);
      (async () => {
        for (const chunk of body)
          if (!asked.write(chunk)) await new Promise((go) => asked.once('drain', () => go(undefined)));
        asked.end();
      })().catch(reject);
    });
  }

  async function pushBlob(name: string, { digest, chunks }: RegistryImage['blobs'][number]): Promise<void> {
    const { headers } = await send('POST', `/v2/${name}/blobs/uploads/`);
    const patched = await send('PATCH', pathOf(headers.location), chunks);
    const location = pathOf(patched.headers.location);
    await send('PUT', `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`);
  }

  return {
    async push({ name, blobs, manifest }) {
      await ecr?.send(new CreateRepositoryCommand({ repositoryName: name }));
      await severally(blobs, atOnce, async (blob) => await pushBlob(name, blob));
      await send('PUT', `/v2/${name}/manifests/1`, [manifest], { 'content-type': mediaType });
    },
    async pull({ name, blobs }) {
      await send('GET', `/v2/${name}/manifests/1`, [], { accept: mediaType });
      await severally(blobs, atOnce, async ({ digest }) => void (await send('GET', `/v2/${name}/blobs/${digest}`)));
    },
    async fill(name, images) {
      const config = blobOf([Buffer.from('{}')]);
      await pushBlob(name, config);
      const numbers = Array.from({ length: images }, (_, at) => at);
      await severally(numbers, 20, async (at) => {
        const manifest = manifestOf(config, [], { number: String(at) });
        await send('PUT', `/v2/${name}/manifests/tag-${at}`, [manifest], { 'content-type': mediaType });
      });
    },
  };
}

/** Some registries answer whole addresses, others paths. */
function pathOf(location: string | undefined): string {
  const { pathname, search } = new URL(location ?? '/', 'http://localhost');
  return pathname + search;
}

async function severally<Item>(
  items: readonly Item[],
  most: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const one = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: most }, one));
}
