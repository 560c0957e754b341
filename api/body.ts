/**
 * Reads request bodies. Nobody is known before the body is there, because the signature covers it, so what strangers
 * can make this process hold is bounded: for each request, and for all that are still coming.
 */
import type { IncomingMessage } from 'node:http';
import { AwsError } from './errors.ts';

/** A refused body is read on up to this many times its limit, so that the client gets to read the answer. */
const refusedBodyFactor = 4;
/** Bytes that all bodies on their way may hold together. */
const defaultTotal = 64 * 2 ** 20;

/** @throws AwsError when the body is longer than `limit` bytes, is given up or does not come to its end */
export type ReadBody = (incoming: IncomingMessage, limit: number) => Promise<Buffer>;

interface Body {
  readonly chunks: Buffer[];
  /** Bytes in `chunks`. */
  held: number;
  givenUp: boolean;
}

/** When bodies hold more than `total` bytes, the one that has been coming for the longest is given up. */
export function createBodyReader(total = defaultTotal): ReadBody {
  // In the order in which they began.
  const coming = new Set<Body>();
  let held = 0;

  function drop(body: Body): void {
    held -= body.held;
    body.held = 0;
    body.chunks.length = 0;
  }

  function keep(body: Body, chunk: Buffer): void {
    body.chunks.push(chunk);
    body.held += chunk.length;
    held += chunk.length;
    for (const oldest of coming) {
      if (held <= total) return;
      if (oldest.held === 0) continue;
      oldest.givenUp = true;
      drop(oldest);
    }
  }

  return async (incoming, limit) => {
    const body: Body = { chunks: [], held: 0, givenUp: false };
    coming.add(body);
    let length = 0;
    try {
      for await (const chunk of incoming) {
        length += chunk.length;
        if (length > limit || body.givenUp) drop(body);
        else keep(body, chunk);
        if (length > limit * refusedBodyFactor) break;
      }
      if (body.givenUp) throw new AwsError('ThrottlingException', 'Rate exceeded');
      if (length > limit)
        throw new AwsError('RequestEntityTooLargeException', `The request body is longer than ${limit} bytes.`, {
          status: 413,
        });
      return body.chunks.length === 1 && body.chunks[0] ? body.chunks[0] : Buffer.concat(body.chunks);
    } catch (error) {
      if (error instanceof AwsError) throw error;
      throw new AwsError('RequestAbortedException', 'The request ended before its body was complete.', {
        cause: error,
      });
    } finally {
      drop(body);
      coming.delete(body);
    }
  };
}
