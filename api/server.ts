/** The HTTP side of the API: reads a request, finds who it is for and who sent it, calls the handler, answers. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { type Duplex, pipeline, Readable } from 'node:stream';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Settings } from '../core/settings.ts';
import { createBodyReader } from './body.ts';
import type { CredentialSource } from './credentials.ts';
import { AwsError, describeError, unknownOperation } from './errors.ts';
import type { Service } from './protocol/service.ts';
import {
  fallbackProtocol,
  type WireAnswer,
  type WireProtocol,
  type WireRequest,
  wireProtocols,
} from './protocol/wire.ts';
import { createVerifier } from './sigv4.ts';

/** Something on the API's port that speaks no AWS protocol: a registry, a WebSocket. */
export interface Site {
  /** What the paths of its requests begin with, for example `/v2/`. */
  readonly prefix: string;
  readonly request?: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  readonly upgrade?: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

export interface ApiServerOptions {
  readonly services: readonly Service[];
  readonly sites?: readonly Site[];
  readonly credentials: CredentialSource;
  /** Port 0: any free one. */
  readonly settings: Pick<Settings, 'host' | 'port' | 'clockSkew'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ApiServer {
  readonly app: Hono<{ Bindings: HttpBindings }>;
  /** @throws Error with code EADDRINUSE and the like */
  listen(): Promise<Listening>;
}

export interface Listening {
  readonly port: number;
  /** Stops accepting, answers what is under way, then resolves. */
  close(): Promise<void>;
}

/** Milliseconds that requests under way have to end when the server closes. */
const closeGrace = 10_000;
/** Milliseconds that a request for an AWS service may take to come. */
const bodyTime = 60_000;
/** HTTP status of what node's parser refuses; 400 for everything else. */
const parserStatus: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };
/** Bytes of a body that is for no service. */
const strangersBodyLimit = 4 * 2 ** 20;

export function createApiServer(options: ApiServerOptions): ApiServer {
  const { services, sites = [], credentials, settings, clock, log } = options;
  const verify = createVerifier({ credentials, clock, clockSkew: settings.clockSkew });
  const readBody = createBodyReader();
  const app = new Hono<{ Bindings: HttpBindings }>();
  let closing = false;
  /** Answers that are generated while they are sent. */
  const streams = new Set<ServerResponse>();

  app.get('/_longshore/health', (context) => context.json({ status: 'ok' }));

  app.all('*', async (context) => {
    const started = performance.now();
    const requestId = randomUUID();
    const request = readHead(context.env.incoming);
    const progress: Progress = {};
    const answer = await answerRequest(request, context.env.incoming, requestId, progress);
    log.debug(
      {
        requestId,
        operation: progress.operation,
        accessKeyId: progress.accessKeyId,
        status: answer.status,
        error: answer.headers['x-amzn-errortype'],
        ms: Math.round((performance.now() - started) * 100) / 100,
      },
      'request',
    );
    send(context.env.outgoing, answer, requestId);
    return RESPONSE_ALREADY_SENT;
  });

  /** Straight to node's response, which spares a Response object for each answer. */
  function send(outgoing: ServerResponse, { status, headers, body }: WireAnswer, requestId: string): void {
    const whole = typeof body === 'string' || Buffer.isBuffer(body);
    outgoing.writeHead(status, {
      ...headers,
      ...(whole && { 'content-length': Buffer.byteLength(body) }),
      'x-amzn-RequestId': requestId,
      // Of a body that was refused the rest is not read.
      ...((closing || status === 413) && { connection: 'close' }),
    });
    if (whole) outgoing.end(body);
    else sendStream(outgoing, body, requestId);
  }

  /** The stream is told when the client goes, and cut when the server closes. */
  function sendStream(outgoing: ServerResponse, body: AsyncIterable<Uint8Array>, requestId: string): void {
    streams.add(outgoing);
    pipeline(Readable.from(body, { objectMode: false }), outgoing, (error) => {
      streams.delete(outgoing);
      if (error && error.code !== 'ERR_STREAM_PREMATURE_CLOSE')
        log.warn({ requestId, err: error }, 'an answer broke off');
    });
  }

  async function answerRequest(
    request: WireRequest,
    incoming: IncomingMessage,
    requestId: string,
    progress: Progress,
  ): Promise<WireAnswer> {
    const { protocol, service } = recognise(request);
    try {
      // Before anything is refused: an answer sent while the client still writes may never be read.
      const body = await readBody(incoming, service?.bodyLimit ?? strangersBodyLimit);
      const isCall = protocol.methods.some((method) => method === request.method);
      if (!isCall || pathOf(request.url) !== '/') throw notFound();
      if (!service) throw unrecognised(request);
      const operation = protocol.operation(request, body, service);
      progress.operation = operation.name;
      const caller = await verify(request, body, service);
      progress.accessKeyId = caller.accessKeyId;
      const target = { service, operation };
      const output = await operation.run(protocol.decode(target, body, request), {
        caller,
        requestId,
        origin: originOf(request),
      });
      return protocol.encode(target, output, requestId);
    } catch (thrown) {
      const error = describeError(thrown, service);
      if (error.internal) log.error({ requestId, operation: progress.operation, err: thrown }, 'request failed');
      return protocol.encodeError(service, error, requestId);
    }
  }

  function recognise(request: WireRequest): { readonly protocol: WireProtocol; readonly service: Service | undefined } {
    const protocol = wireProtocols.find((each) => each.speaks(request)) ?? fallbackProtocol;
    return { protocol, service: protocol.speaks(request) ? protocol.recognise(request, services) : undefined };
  }

  function siteOf(url: string | undefined): Site | undefined {
    const path = pathOf(url ?? '/');
    return sites.find(({ prefix }) => path.startsWith(prefix));
  }

  /** What is HTTP but could not become a Request, for example for its Host header. */
  function refuseRequest(thrown: unknown): Response {
    const { status, headers, body } = refusal(thrown, 400);
    return new Response(body, { status, headers });
  }

  /** What is not HTTP, or came too slowly. */
  function refuseBytes(thrown: NodeJS.ErrnoException, socket: Duplex): void {
    if (!socket.writable || thrown.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const { status, headers, body } = refusal(thrown, parserStatus[thrown.code ?? ''] ?? 400);
    const lines = Object.entries({ ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}\r\n${body}`);
  }

  /** A body that does not come to its end holds no connection for ever. */
  function limitTime(incoming: IncomingMessage): void {
    const timer = setTimeout(() => {
      const late = Object.assign(new Error('the body took too long'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
      if (!incoming.complete) refuseBytes(late, incoming.socket);
    }, bodyTime).unref();
    incoming.once('close', () => clearTimeout(timer));
  }

  function refusal(thrown: unknown, status: number): WireAnswer & { readonly body: string } {
    const requestId = randomUUID();
    log.debug({ requestId, err: thrown }, 'request refused');
    const error = new AwsError('BadRequestException', 'The request is not valid HTTP, or did not come in time.', {
      status,
    });
    const answer = fallbackProtocol.encodeError(undefined, describeError(error, undefined), requestId);
    return { ...answer, headers: { ...answer.headers, 'x-amzn-RequestId': requestId }, body: String(answer.body) };
  }

  return {
    app,
    listen: async () => {
      const listener = getRequestListener((request, env) => app.fetch(request, env), {
        overrideGlobalObjects: false,
        errorHandler: refuseRequest,
      });
      const server = createServer(
        {
          // Longer than SDKs keep an idle connection, so that the client is who closes it.
          keepAliveTimeout: 75_000,
          headersTimeout: 15_000,
          // Sites take bodies for as long as they come; all others have `bodyTime`.
          requestTimeout: 0,
          connectionsCheckingInterval: 5_000,
          // A missing Host is refused as every other bad request is, below.
          requireHostHeader: false,
        },
        (incoming, outgoing) => {
          const site = siteOf(incoming.url)?.request;
          if (site) return site(incoming, outgoing);
          limitTime(incoming);
          listener(incoming, outgoing);
        },
      );
      server.on('clientError', refuseBytes);
      server.on('upgrade', (incoming, socket, head) => {
        const site = siteOf(incoming.url)?.upgrade;
        if (site) site(incoming, socket, head);
        else refuseBytes(new Error('there is nothing to upgrade to at this path'), socket);
      });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(settings.port, settings.host, () => {
          server.off('error', reject);
          resolve();
        });
      });
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : settings.port;
      return {
        port,
        close: async () => {
          closing = true;
          const closed = new Promise<void>((resolve) => server.close(() => resolve()));
          for (const stream of streams) stream.destroy();
          const deadline = setTimeout(() => server.closeAllConnections(), closeGrace);
          await closed;
          clearTimeout(deadline);
        },
      };
    },
  };
}

/** What is known of a request so far, for its log lines. */
interface Progress {
  operation?: string;
  accessKeyId?: string;
}

/** From node's raw headers: its own object drops repeated ones. */
function readHead(incoming: IncomingMessage): WireRequest {
  const headers = new Map<string, string>();
  const { rawHeaders } = incoming;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return { method: incoming.method ?? '', url: incoming.url ?? '/', headers };
}

/** Behind a proxy that ends TLS, its word counts for the scheme; the host is as the client wrote and signed it. */
function originOf({ headers }: WireRequest): string {
  const scheme = headers.get('x-forwarded-proto')?.split(',')[0]?.trim().toLowerCase() === 'https' ? 'https' : 'http';
  return `${scheme}://${headers.get('host') ?? ''}`;
}

function pathOf(url: string): string {
  const question = url.indexOf('?');
  return question < 0 ? url : url.slice(0, question);
}

function notFound(): AwsError {
  return new AwsError('UnknownOperationException', 'There is nothing at this method and path.', { status: 404 });
}

function unrecognised({ headers }: WireRequest): AwsError {
  return headers.has('authorization') || headers.has('x-amz-target')
    ? unknownOperation()
    : new AwsError('MissingAuthenticationTokenException', 'Missing Authentication Token');
}
