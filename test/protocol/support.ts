/** A running API with inline handlers, clients for it, and requests signed by the SDK's own signer. */
import { createHash, createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import * as ecs from '@aws-sdk/client-ecs';
import { SignatureV4 } from '@smithy/signature-v4';
import { pino } from 'pino';
import type { Credential } from '../../api/credentials.ts';
import type { HandlersOf } from '../../api/operation.ts';
import { ecsService } from '../../api/protocol/ecs.ts';
import { createApiServer } from '../../api/server.ts';
import { systemClock } from '../../core/clock.ts';

export const target = (operation: string) => `AmazonEC2ContainerServiceV20141113.${operation}`;

export const rootKey: Credential = {
  accessKeyId: 'AKIAAAAAAAAAAAAAAAAA',
  secretAccessKey: 'secretsecretsecretsecretsecretsecretsecr',
  accountId: '000000000000',
  createdAt: '2026-01-01T00:00:00.000Z',
};

export const sessionKey: Credential = {
  accessKeyId: 'AKIABBBBBBBBBBBBBBBB',
  secretAccessKey: 'anothersecretanothersecretanothersecreta',
  accountId: '111111111111',
  createdAt: '2026-01-01T00:00:00.000Z',
  sessionToken: 'a-session-token',
  arn: 'arn:aws:sts::111111111111:assumed-role/tester/session',
};

export interface TestApi {
  readonly port: number;
  readonly endpoint: string;
  /** Lines of the server's own log. */
  readonly logged: readonly string[];
  client(config?: ecs.ECSClientConfig): ecs.ECSClient;
  /** Closes the server and leaves the clients' connections to it. */
  closeServer(): Promise<void>;
  close(): Promise<void>;
}

export async function startApi(handlers: HandlersOf<typeof ecs>): Promise<TestApi> {
  const logged: string[] = [];
  const keys = new Map([rootKey, sessionKey].map((key) => [key.accessKeyId, key]));
  const server = createApiServer({
    services: [ecsService(handlers)],
    credentials: { find: (id) => Promise.resolve(keys.get(id)) },
    settings: { host: '127.0.0.1', port: 0, clockSkew: 300 },
    clock: systemClock,
    log: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
  });
  const { port, close } = await server.listen();
  const clients: ecs.ECSClient[] = [];
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    port,
    endpoint,
    logged,
    client: (config = {}) => {
      const client = new ecs.ECSClient({ endpoint, region: 'us-east-1', credentials: rootKey, ...config });
      clients.push(client);
      return client;
    },
    closeServer: close,
    close: async () => {
      for (const client of clients) client.destroy();
      await close();
    },
  };
}

export interface Signable {
  readonly method?: string;
  readonly path?: string;
  readonly query?: Readonly<Record<string, string | string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly key?: Credential;
  readonly date?: Date;
  readonly region?: string;
  readonly service?: string;
}

export interface SignedParts {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, string | string[]>;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const defaults = {
  method: 'POST',
  path: '/',
  query: {},
  body: '{}',
  key: rootKey,
  region: 'us-east-1',
  service: 'ecs',
};

/** Signed in the Authorization header. */
export async function sign(host: string, signable: Signable): Promise<SignedParts> {
  return (await signer(signable).sign(unsigned(host, signable), { signingDate: signable.date })) as SignedParts;
}

/** Signed in the query; X-Amz-Target stays a header. */
export async function presign(
  host: string,
  signable: Signable & { readonly expiresIn?: number },
): Promise<SignedParts> {
  return (await signer(signable).presign(unsigned(host, signable), {
    signingDate: signable.date,
    expiresIn: signable.expiresIn ?? 60,
    unhoistableHeaders: new Set(['x-amz-target']),
  })) as SignedParts;
}

function signer({ key = defaults.key, region = defaults.region, service = defaults.service }: Signable): SignatureV4 {
  return new SignatureV4({ credentials: key, region, service, sha256: NodeSha256, uriEscapePath: true });
}

function unsigned(host: string, signable: Signable) {
  const { method, path, query, body } = { ...defaults, ...signable };
  return {
    method,
    protocol: 'http:',
    hostname: host,
    path,
    query: { ...query },
    headers: { host, 'content-type': 'application/x-amz-json-1.1', ...signable.headers },
    body,
  };
}

/** What the SDK's signer wants of a hash. */
class NodeSha256 {
  readonly #secret: string | Uint8Array | undefined;
  #parts: Uint8Array[] = [];
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret === undefined || typeof secret === 'string' ? secret : bytesOf(secret);
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#parts.push(typeof data === 'string' ? Buffer.from(data) : bytesOf(data));
  }
  digest(): Promise<Uint8Array> {
    const hash = this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret);
    for (const part of this.#parts) hash.update(part);
    return Promise.resolve(hash.digest());
  }
  reset(): void {
    this.#parts = [];
  }
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

export function urlOf({ path, query }: Pick<SignedParts, 'path' | 'query'>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((item) => `${encodeURIComponent(name)}=${encodeURIComponent(item)}`),
  );
  return pairs.length > 0 ? `${path}?${pairs.join('&')}` : path;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** `__type` of the body, when it is JSON. */
  readonly type: string | undefined;
  readonly message: string | undefined;
}

/** Sends exactly these headers and bytes. */
export function send(
  port: number,
  parts: Omit<SignedParts, 'body' | 'headers'> & {
    readonly headers: Readonly<Record<string, string | string[]>>;
    readonly body: string | Buffer;
  },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method, headers } = parts;
    const request = httpRequest({ host: '127.0.0.1', port, method, path: urlOf(parts), headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const json = text.startsWith('{') ? JSON.parse(text) : {};
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, text, type: json.__type, message: json.message });
      });
    });
    request.on('error', reject);
    request.end(parts.body);
  });
}

/** Signs and sends a body for an operation. */
export async function call(port: number, operation: string, body: string, signable: Signable = {}): Promise<Answer> {
  const headers = { 'x-amz-target': target(operation), ...signable.headers };
  return send(port, await sign(`127.0.0.1:${port}`, { ...signable, headers, body }));
}
