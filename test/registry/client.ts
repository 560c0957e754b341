/** A client of the registry, request by request, and artifacts to push with it. */
import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { ECRClient, type ECRClientConfig, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { mediaTypes } from '../../core/registry/manifest.ts';
import type { ApiStack } from '../support/stack.ts';

export interface RegistryAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** `errors[0].code` of the body. */
  readonly code: string | undefined;
  readonly message: string | undefined;
}

export interface RegistryRequest {
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Uint8Array;
}

export interface RegistryClient {
  readonly ecr: ECRClient;
  readonly authorization: string;
  /** @param path after `/v2/`, or whole */
  ask(method: string, path: string, request?: RegistryRequest): Promise<RegistryAnswer>;
  /** Pushes a blob in one piece; returns its digest. */
  blob(repository: string, content: Uint8Array | string): Promise<string>;
  /** Pushes a small image with layers of these sizes, made of random bytes. */
  image(repository: string, reference: string, sizes?: readonly number[]): Promise<PushedImage>;
}

export interface PushedImage {
  readonly digest: string;
  readonly manifest: string;
  readonly layers: readonly string[];
  /** Bytes of configuration and layers. */
  readonly size: number;
}

export async function registryClient(
  stack: Pick<ApiStack, 'endpoint' | 'key'>,
  { accountId = '000000000000', region = 'us-east-1' } = {},
  config: ECRClientConfig = {},
): Promise<RegistryClient> {
  const ecr = new ECRClient({
    ...config,
    endpoint: stack.endpoint,
    region,
    credentials: await stack.key(accountId),
  });
  const { authorizationData = [] } = await ecr.send(new GetAuthorizationTokenCommand({}));
  const authorization = `Basic ${authorizationData[0]?.authorizationToken}`;
  const ask: RegistryClient['ask'] = async (method, path, { headers = {}, body } = {}) =>
    await send(stack.endpoint, method, path, { headers: { authorization, ...headers }, ...(body && { body }) });
  const blob: RegistryClient['blob'] = async (repository, content) => {
    const bytes = Buffer.from(content);
    const digest = digestOf(bytes);
    const answer = await ask('POST', `${repository}/blobs/uploads/?digest=${digest}`, { body: bytes });
    if (answer.status !== 201) throw new Error(`The blob was refused: ${answer.status} ${answer.body}`);
    return digest;
  };
  return {
    ecr,
    authorization,
    ask,
    blob,
    async image(repository, reference, sizes = [1000]) {
      const contents = sizes.map((size) => randomBytes(size));
      const layers = await Promise.all(contents.map(async (content) => await blob(repository, content)));
      const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', layers }));
      const manifest = imageManifest(
        { digest: await blob(repository, config), size: config.length },
        layers.map((digest, at) => ({ digest, size: sizes[at] ?? 0 })),
      );
      const answer = await ask('PUT', `${repository}/manifests/${reference || digestOf(manifest)}`, {
        headers: { 'content-type': mediaTypes.ociManifest },
        body: manifest,
      });
      if (answer.status !== 201) throw new Error(`The manifest was refused: ${answer.status} ${answer.body}`);
      const size = sizes.reduce((sum, one) => sum + one, config.length);
      return { digest: digestOf(manifest), manifest, layers, size };
    },
  };
}

export function send(
  endpoint: string,
  method: string,
  path: string,
  { headers = {}, body }: RegistryRequest = {},
): Promise<RegistryAnswer> {
  const { hostname, port } = new URL(endpoint);
  return new Promise((resolve, reject) => {
    const options = { hostname, port, method, path: path.startsWith('/') ? path : `/v2/${path}`, headers };
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    const request = httpRequest(
      {
        ...options,
        headers: { ...('transfer-encoding' in headers ? {} : { 'content-length': length }), ...headers },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const whole = Buffer.concat(chunks);
          const isJson = whole[0] === 0x7b && String(response.headers['content-type']).includes('json');
          const error = isJson ? JSON.parse(whole.toString('utf8')).errors?.[0] : undefined;
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: whole,
            code: error?.code,
            message: error?.message,
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

export function digestOf(content: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

interface Entry {
  readonly digest: string;
  readonly size: number;
  readonly mediaType?: string;
}

export function imageManifest(config: Entry, layers: readonly Entry[], more: object = {}): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer })),
    ...more,
  });
}
