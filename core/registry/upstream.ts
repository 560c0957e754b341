/** Another registry as a client of it: for pull-through caches. */
import { bodyOf, readAtMost } from '../response-body.ts';
import { type Digest, digestOf } from './digest.ts';
import { longestManifest, mediaTypes } from './manifest.ts';

export interface UpstreamCredentials {
  readonly username: string;
  readonly password: string;
}

export interface Upstream {
  /** Host, and port where it is not the usual one. */
  readonly url: string;
  readonly credentials?: UpstreamCredentials;
}

/** `denied`: it wants other credentials; `missing`: it has nothing there; `unavailable`: it does not answer as it should. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly kind: 'denied' | 'missing' | 'unavailable';
  constructor(kind: UpstreamError['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Milliseconds until the upstream begins to answer, and between one piece of an answer and the next. */
const patience = 30_000;
/** Bytes of an answer with a token. */
const longestToken = 2 ** 20;

/** @throws UpstreamError */
export async function fetchManifest(
  upstream: Upstream,
  repository: string,
  reference: string,
): Promise<{ readonly bytes: Buffer; readonly mediaType: string; readonly digest: Digest }> {
  const accept = Object.values(mediaTypes).join(', ');
  const response = await ask(upstream, repository, `manifests/${encodeURIComponent(reference)}`, { accept });
  const bytes = await readWhole(response, longestManifest);
  return { bytes, mediaType: response.headers.get('content-type') ?? '', digest: digestOf(bytes) };
}

/** Also what it gives may throw UpstreamError. @throws UpstreamError */
export async function fetchBlob(
  upstream: Upstream,
  repository: string,
  digest: Digest,
): Promise<AsyncIterable<Uint8Array>> {
  return piecesOf(await ask(upstream, repository, `blobs/${digest}`, {}));
}

/** Whether the registry lets these credentials in at all. @throws UpstreamError */
export async function checkUpstream(upstream: Upstream): Promise<void> {
  await ask(upstream, undefined, '', {});
}

async function ask(
  upstream: Upstream,
  repository: string | undefined,
  rest: string,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const url = `${baseOf(upstream.url)}/v2/${repository === undefined ? '' : `${repository}/`}${rest}`;
  const first = await send(url, headers);
  if (first.status !== 401) return checked(first);
  await first.body?.cancel();
  const authorization = await authorize(upstream, first.headers.get('www-authenticate') ?? '', repository);
  return checked(await send(url, { ...headers, authorization }));
}

/** Plain HTTP for addresses of the loopback only, as container engines do. */
function baseOf(url: string): string {
  const host = url.replace(/^https?:\/\//, '').replace(/\/+$/, '');
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host) ? `http://${host}` : `https://${host}`;
}

async function authorize(
  { credentials }: Upstream,
  challenge: string,
  repository: string | undefined,
): Promise<string> {
  const basic =
    credentials && `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
  if (/^basic\b/i.test(challenge) && basic) return basic;
  const realm = parameter(challenge, 'realm');
  if (!/^bearer\b/i.test(challenge) || realm === undefined)
    throw new UpstreamError('denied', 'The upstream registry wants credentials.');
  const url = new URL(realm);
  const service = parameter(challenge, 'service');
  if (service !== undefined) url.searchParams.set('service', service);
  const scope = parameter(challenge, 'scope') ?? (repository && `repository:${repository}:pull`);
  if (scope !== undefined) url.searchParams.set('scope', scope);
  const response = checked(await send(url.href, basic ? { authorization: basic } : {}));
  try {
    const { token, access_token } = JSON.parse((await readWhole(response, longestToken)).toString('utf8'));
    return `Bearer ${token ?? access_token ?? ''}`;
  } catch (error) {
    if (error instanceof UpstreamError) throw error;
    throw new UpstreamError('unavailable', 'The upstream registry gave no token.', { cause: error });
  }
}

function parameter(challenge: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(challenge)?.[1];
}

async function send(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), patience);
  try {
    return await fetch(url, { headers, signal: stop.signal });
  } catch (error) {
    throw new UpstreamError('unavailable', 'The upstream registry cannot be reached.', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function checked(response: Response): Response {
  if (response.ok) return response;
  response.body?.cancel().catch(() => {});
  const { status } = response;
  if (status === 401 || status === 403) throw new UpstreamError('denied', 'The upstream registry refuses access.');
  if (status === 404) throw new UpstreamError('missing', 'The upstream registry has no such image.');
  throw new UpstreamError('unavailable', `The upstream registry answered with status ${status}.`);
}

/** @throws UpstreamError */
async function* piecesOf(response: Response): AsyncGenerator<Uint8Array> {
  try {
    yield* bodyOf(response, patience);
  } catch (error) {
    throw brokenOff(error);
  }
}

/** @param limit bytes. @throws UpstreamError when there are more */
async function readWhole(response: Response, limit: number): Promise<Buffer> {
  return await readAtMost(response, limit, patience).catch((error: unknown) => {
    throw brokenOff(error);
  });
}

function brokenOff(cause: unknown): UpstreamError {
  return new UpstreamError('unavailable', 'The upstream registry did not answer to the end, or without one.', {
    cause,
  });
}
