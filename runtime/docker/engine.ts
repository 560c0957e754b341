/** The connection to a Docker Engine: kept-alive sockets, a deadline on every call, and errors with one meaning each. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import { DriverError, type DriverErrorKind } from '../driver.ts';

export interface Engine {
  readonly docker: Docker;
  /** As the user would write it. */
  readonly address: string;
  /** Reached over a unix socket: the engine is probably on this host. */
  readonly unixSocket: boolean;
  /**
   * Runs one request. A connection that broke is tried once more, therefore every request must be repeatable.
   * @throws DriverError kind engine when the engine is not reachable; other errors as they are, see statusOf
   */
  call<T>(request: (docker: Docker) => Promise<T>, timeoutMilliseconds?: number): Promise<T>;
  close(): void;
}

const CALL_TIMEOUT = 120_000;

export function connectEngine(dockerHost: string | undefined): Engine {
  const address = dockerHost || 'unix:///var/run/docker.sock';
  const { agent, ...connection } = connectionOf(address);
  // `version` is left out on purpose: without it the engine speaks its own newest version.
  const modem = { ...connection, agent: unlooked(tellingCuts(agent)) };
  const docker = new Docker(modem);
  return {
    docker,
    address,
    unixSocket: address.startsWith('unix://'),
    async call(request, timeoutMilliseconds = CALL_TIMEOUT) {
      try {
        return await withDeadline(request(docker), timeoutMilliseconds, address);
      } catch (error) {
        if (!isBrokenConnection(error)) throw asDriverError(error, address);
      }
      try {
        return await withDeadline(request(docker), timeoutMilliseconds, address);
      } catch (error) {
        throw asDriverError(error, address);
      }
    },
    close: () => agent.destroy(),
  };
}

/**
 * docker-modem writes out every request's options in full for its debug log, whether anybody wants it or not. With the
 * agent that is all of its sockets: tens of milliseconds of processor time for each request when there are many.
 */
function unlooked<T extends http.Agent>(agent: T): T {
  return Object.defineProperty(agent, inspect.custom, { value: () => 'Agent', enumerable: false });
}

/**
 * docker-modem waits for ever for the rest of an answer that was cut off with its connection: the request has to tell.
 * Every request of an agent comes through `addRequest`.
 */
function tellingCuts<T extends http.Agent>(agent: T): T {
  type Add = (request: http.ClientRequest, ...rest: unknown[]) => void;
  const { addRequest } = agent as T & { readonly addRequest: Add };
  const tell: Add = (request, ...rest) => {
    request.once('response', (response) => {
      response.once('close', () => {
        if (!response.complete) request.emit('error', Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
      });
    });
    addRequest.call(agent, request, ...rest);
  };
  return Object.assign(agent, { addRequest: tell });
}

function connectionOf(address: string): Docker.DockerOptions & { agent: http.Agent } {
  const pooling = { keepAlive: true, maxFreeSockets: 64 };
  if (address.startsWith('unix://'))
    // dockerode fills what is missing from DOCKER_HOST, hence `host: undefined`.
    return {
      host: undefined,
      socketPath: address.slice('unix://'.length),
      protocol: 'http',
      agent: new http.Agent(pooling),
    };
  if (!/^(tcp|https?):\/\//.test(address))
    throw new DriverError('engine', `The Docker host must start with unix:// or tcp://, but is ${address}.`);
  const url = new URL(address.replace(/^tcp:/, 'http:'));
  const certificates = process.env.DOCKER_CERT_PATH;
  const tls = address.startsWith('https:') || url.port === '2376' || !!process.env.DOCKER_TLS_VERIFY;
  const endpoint = { host: url.hostname, port: url.port || (tls ? '2376' : '2375'), socketPath: undefined };
  if (!tls) return { ...endpoint, protocol: 'http', agent: new http.Agent(pooling) };
  const files = certificates
    ? {
        ca: readFileSync(join(certificates, 'ca.pem')),
        cert: readFileSync(join(certificates, 'cert.pem')),
        key: readFileSync(join(certificates, 'key.pem')),
      }
    : {};
  return { ...endpoint, ...files, protocol: 'https', agent: new https.Agent({ ...pooling, ...files }) };
}

/** The HTTP status that the engine answered; undefined: it did not answer. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** The engine's own words, without paths of its host. */
export function engineWords(error: unknown): string {
  const body = (error as { json?: { message?: unknown } } | undefined)?.json;
  const words =
    typeof body?.message === 'string' ? body.message : error instanceof Error ? error.message : String(error);
  return words
    .replace(/^\(HTTP code \d+\) [^-]*- /, '')
    .replace(/\/(?:var\/lib|var\/run|run)\/(?:docker|containerd)[^\s"':,)]*/g, '(engine)')
    .trim();
}

/** What a failed call means where `kind` says what was tried; a DriverError stays what it is. */
export function failure(kind: DriverErrorKind, error: unknown): DriverError {
  return error instanceof DriverError ? error : new DriverError(kind, engineWords(error), { cause: error });
}

const brokenCodes = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);
const unreachableCodes = new Set([
  ...brokenCodes,
  'ECONNREFUSED',
  'ENOENT',
  'EACCES',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EPROTO',
]);

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code);
}

/** The engine is away, or the connection to it was lost in the middle of an answer. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof DriverError) return error.kind === 'engine';
  return statusOf(error) === undefined && unreachableCodes.has(codeOf(error));
}

function isBrokenConnection(error: unknown): boolean {
  return statusOf(error) === undefined && brokenCodes.has(codeOf(error));
}

function asDriverError(error: unknown, address: string): unknown {
  if (error instanceof DriverError || statusOf(error) !== undefined) return error;
  if (!unreachableCodes.has(codeOf(error))) return error;
  return new DriverError('engine', `The Docker Engine at ${address} cannot be reached (${codeOf(error)}).`, {
    cause: error,
  });
}

/** An engine may hang, and nothing may wait without an end. */
async function withDeadline<T>(work: Promise<T>, milliseconds: number, address: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new DriverError('engine', `The Docker Engine at ${address} did not answer for ${milliseconds / 1000} s.`),
        ),
      milliseconds,
    );
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** @throws DriverError kind cancelled */
export function checkCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new DriverError('cancelled', 'The call was cancelled.');
}
