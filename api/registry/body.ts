/** Bodies of requests to the registry: as long as they like, but not silent for long. */
import type { IncomingMessage } from 'node:http';
import { RegistryError } from './errors.ts';

/** Milliseconds without a byte after which a connection is given up. */
export const silence = 60_000;

/** A request of no length and no coding has none. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** The body as a stream. While the answer is made, which may take the disk a while, the connection may be silent. */
export function bodyOf(incoming: IncomingMessage): IncomingMessage {
  const { socket } = incoming;
  socket.setTimeout(silence);
  incoming.once('end', () => socket.setTimeout(0));
  return incoming;
}

/**
 * @param limit bytes
 * @throws RegistryError with `code` when there are more
 */
export async function readWhole(
  incoming: IncomingMessage,
  limit: number,
  code: 'MANIFEST_INVALID' | 'UNSUPPORTED',
): Promise<Buffer> {
  const tooLong = () => new RegistryError(code, `The body is longer than ${limit} bytes`, { status: 413 });
  if (Number(incoming.headers['content-length'] ?? 0) > limit) throw tooLong();
  const chunks: Buffer[] = [];
  let length = 0;
  // The rest of a body that is too long is for the site to read off.
  for await (const chunk of bodyOf(incoming).iterator({ destroyOnReturn: false })) {
    length += chunk.length;
    if (length > limit) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** First and last byte of `Content-Range: 0-1023` (the OCI form), or `bytes 0-1023/2048`. */
export function contentRange(incoming: IncomingMessage): { readonly start: number; readonly end: number } | undefined {
  const header = incoming.headers['content-range'];
  if (header === undefined) return undefined;
  const [, start, end] = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(header.trim()) ?? [];
  if (start === undefined || end === undefined || Number(end) < Number(start))
    throw new RegistryError('BLOB_UPLOAD_INVALID', `${header.slice(0, 100)} is not a Content-Range`);
  return { start: Number(start), end: Number(end) };
}

/** One range of `Range: bytes=…`; undefined: the header is absent or asks for several, and all is answered. */
export function requestedRange(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}
