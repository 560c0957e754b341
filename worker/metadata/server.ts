/** The task metadata endpoint: knows by the source address of a connection which task asks. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import { limitConnections } from '../connection-limit.ts';
import type { RunningTask } from '../task-runner.ts';
import { type Answer, json, text } from './answer.ts';
import { agentRate, createRateLimit } from './rate-limit.ts';
import { type Asker, answerMetadata, type MetadataRequest } from './routes.ts';

/** Where tasks see it, as on Fargate. */
export const metadataAddress = '169.254.170.2';

export interface MetadataServerOptions {
  /** An address of this host. */
  readonly host: string;
  readonly taskAt: (address: string) => RunningTask | undefined;
  readonly askerOf: (task: RunningTask) => Asker;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface MetadataServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Milliseconds, as the agent has it. */
const requestTimeout = 5000;
/** At once, from one task. */
const mostConnections = 100;
/** Bytes; only changes of protection have a body. */
const bodyLimit = 16 * 1024;

/** @throws Error with code EADDRNOTAVAIL and the like */
export async function startMetadataServer(options: MetadataServerOptions): Promise<MetadataServer> {
  const { host, taskAt, askerOf, clock, log } = options;
  const limit = createRateLimit(agentRate, clock);

  async function answer(incoming: IncomingMessage): Promise<Answer> {
    const address = incoming.socket.remoteAddress ?? '';
    const task = taskAt(address);
    if (!limit.allows(task ? address : '')) return text(429, 'You have reached maximum request limit.');
    const request = await readRequest(incoming);
    return request ? await answerMetadata(request, task && askerOf(task)) : text(413, '');
  }

  const server = createServer({ requestTimeout, headersTimeout: requestTimeout }, (incoming, outgoing) => {
    answer(incoming)
      .catch((error: unknown) => {
        log.warn({ err: error }, 'a metadata request failed');
        return json(500, 'failed to get metadata');
      })
      .then((done) => send(outgoing, done));
  });
  limitConnections(server, mostConnections);
  // A client that has said everything may have closed its side, as nc does; it still wants the answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  server.removeAllListeners('error').on('error', (error) => log.warn({ err: error }, 'the metadata endpoint failed'));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function send(outgoing: ServerResponse, { status, contentType, body, headers }: Answer): void {
  outgoing.writeHead(status, {
    ...headers,
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    ...(status === 413 && { connection: 'close' }),
  });
  outgoing.end(body);
}

/** undefined: the body is too long. */
async function readRequest(incoming: IncomingMessage): Promise<MetadataRequest | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    length += (chunk as Buffer).length;
    if (length > bodyLimit) return undefined;
    chunks.push(chunk as Buffer);
  }
  const [path = '/', query = ''] = (incoming.url ?? '/').split('?', 2);
  return {
    method: incoming.method ?? 'GET',
    path,
    query: new URLSearchParams(query),
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
