/** The registry on the API's port: the OCI distribution protocol under `/v2/`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { parseRepositoryPath } from '../../core/registry/address.ts';
import type { Site } from '../server.ts';
import { authenticate } from './authenticate.ts';
import { silence } from './body.ts';
import { encodeRegistryError, RegistryError } from './errors.ts';
import type { Answer, SiteDeps } from './exchange.ts';
import { findRoute } from './routes.ts';
import { answerToken } from './token.ts';

const prefix = '/v2/';
/** Milliseconds that the rest of a refused body is read on, so that the client gets to read the answer. */
const drainTime = 10_000;

export function registrySite(deps: SiteDeps): Site {
  return {
    prefix,
    request: (incoming, outgoing) => {
      answer(deps, incoming, outgoing).catch((error: unknown) => {
        deps.log.debug({ err: error }, 'a registry request broke off');
        outgoing.destroy();
      });
    },
  };
}

async function answer(deps: SiteDeps, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { method = '', url = '' } = incoming;
  const started = performance.now();
  let sent: Answer;
  try {
    sent = await handle(deps, incoming);
  } catch (error) {
    if (incoming.errored || outgoing.destroyed) throw error;
    sent = refusal(deps, error, incoming);
  }
  deps.log.debug({ method, url, status: sent.status, ms: Math.round(performance.now() - started) }, 'registry request');
  await send(sent, incoming, outgoing);
}

async function handle(deps: SiteDeps, incoming: IncomingMessage): Promise<Answer> {
  const { method = '', url = '', headers } = incoming;
  const question = url.indexOf('?');
  const rest = (question < 0 ? url : url.slice(0, question)).slice(prefix.length);
  const query = new URLSearchParams(question < 0 ? '' : url.slice(question + 1));
  if (rest === 'token' && (method === 'GET' || method === 'POST')) return await answerToken(deps, incoming);
  const origin = `http://${headers.host ?? 'localhost'}`;
  // A download address carries its own credentials.
  const authorization = headers.authorization ?? (query.has('token') ? `Bearer ${query.get('token')}` : undefined);
  const principal = await authenticate(authorization, deps, origin);
  const { handler, path, reference } = findRoute(method, rest);
  const target = parseRepositoryPath(path, deps.home);
  return await handler({ deps, method, incoming, query, principal, path, target, reference });
}

function refusal({ log }: SiteDeps, thrown: unknown, { method, url }: IncomingMessage): Answer {
  const error = thrown instanceof RegistryError ? thrown : internalError(thrown);
  if (!(thrown instanceof RegistryError)) log.error({ err: thrown, method, url }, 'a registry request failed');
  const body = encodeRegistryError(error);
  return {
    status: error.status,
    headers: {
      ...(error.headers as Answer['headers']),
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
    body,
  };
}

function internalError(thrown: unknown): RegistryError {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new RegistryError('UNKNOWN', "The registry's disk is full", { status: 507 })
    : new RegistryError('UNKNOWN', 'Service Unavailable. Please try again later.');
}

async function send({ status, headers, body }: Answer, incoming: IncomingMessage, outgoing: ServerResponse) {
  outgoing.writeHead(status, { 'docker-distribution-api-version': 'registry/2.0', ...headers });
  if (typeof body === 'string' || Buffer.isBuffer(body) || body === undefined || incoming.method === 'HEAD') {
    if (body !== undefined && typeof body === 'object' && 'destroy' in body) body.destroy();
    outgoing.end(incoming.method === 'HEAD' ? undefined : (body as string | Buffer | undefined));
    if (!incoming.complete) drain(incoming);
    return;
  }
  incoming.socket.setTimeout(silence);
  if (typeof body === 'function') await body(outgoing);
  else await pipeline(body, outgoing);
}

/** A client that still writes when it is refused reads the answer afterwards, or never. */
function drain(incoming: IncomingMessage): void {
  const { socket } = incoming;
  const timer = setTimeout(() => socket.destroy(), drainTime);
  const ended = () => clearTimeout(timer);
  incoming.once('end', ended).once('close', ended);
  incoming.resume();
}
