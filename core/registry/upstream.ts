/** Another registry as a client of it: for pull-through caches. */
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
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

/** Milliseconds until the upstream begins to answer. */
const patience = 30_000;

/** @throws UpstreamError */
export async function fetchManifest(
  upstream: Upstream,
  repository: string,
  reference: string,
): Promise<{ readonly bytes: Buffer; readonly mediaType: string; readonly digest: Digest }> {
  const accept = Object.values(mediaTypes).join(', ');
  const response = await ask(upstream, repository, `manifests/${encodeURIComponent(reference)}`, { accept });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (bytes.length > longestManifest) throw new UpstreamError('unavailable', 'The manifest is too long.');
  return { bytes, mediaType: response.headers.get('content-type') ?? '', digest: digestOf(bytes) };
}

/** @throws UpstreamError */
export async function fetchBlob(upstream: Upstream, repository: string, digest: Digest): Promise<Readable> {
  const { body } = await ask(upstream, repository, `blobs/${digest}`, {});
  if (!body) throw new UpstreamError('unavailable', 'The upstream registry sent no body.');
  return Readable.fromWeb(body as ReadableStream<Uint8Array>);
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
  const { token, access_token } = (await response.json()) as {
    readonly token?: string;
    readonly access_token?: string;
  };
  return `Bearer ${token ?? access_token ?? ''}`;
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
