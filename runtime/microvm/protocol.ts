/**
 * The words between host and agent, as bytes (guest/agent.h tells their form). What comes from a guest is not trusted:
 * anything that no agent of ours would send is an error, and nothing grows with what a guest sends.
 */

const MAGIC = 0x4d56534c;
const HEADER = 12;
const TRAILER = 4;
/** Bytes of a payload, in either direction. */
export const maxPayload = 65_536;
/** Of a request's data word, so that its other words fit in as well. */
export const maxData = maxPayload - 8192;

/** What a guest sent is not what an agent of ours sends. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export interface Answer {
  readonly id: number;
  readonly words: readonly Buffer[];
}

/** @throws RangeError when the words do not fit into one request */
export function encodeRequest(id: number, words: readonly (string | Uint8Array)[]): Buffer {
  const parts = words.map((word) => (typeof word === 'string' ? Buffer.from(word) : Buffer.from(word)));
  const size = parts.reduce((sum, part) => sum + part.length + 5, 0);
  if (size > maxPayload) throw new RangeError(`a request of ${size} bytes is longer than ${maxPayload}`);
  const frame = Buffer.alloc(HEADER + size + TRAILER);
  frame.writeUInt32LE(MAGIC, 0);
  frame.writeUInt32LE(size, 4);
  frame.writeUInt32LE(id, 8);
  let at = HEADER;
  for (const part of parts) {
    frame.writeUInt32LE(part.length, at);
    part.copy(frame, at + 4);
    at += part.length + 5;
  }
  frame.writeUInt32LE(MAGIC, at);
  return frame;
}

/** Ends whatever an earlier host left half-sent. */
export const padding: Buffer = Buffer.alloc(HEADER + maxPayload + TRAILER);

export interface Decoder {
  /** Answers that are whole now. @throws ProtocolError */
  push(chunk: Buffer): readonly Answer[];
}

/**
 * `nonce` is in the answer to the first request: what comes before it was meant for an earlier host. @param patience
 * bytes that may come before it
 */
export function createDecoder(nonce: Buffer, patience = 2 ** 28): Decoder {
  let pending: Buffer = Buffer.alloc(0);
  let synchronised = false;
  let passed = 0;

  const synchronise = () => {
    const found = pending.indexOf(nonce);
    const start = found - HEADER - wordSize(2) - 4;
    if (found >= 0 && start >= 0) {
      pending = pending.subarray(start);
      synchronised = true;
      return;
    }
    const keep = Math.min(pending.length, nonce.length + HEADER + wordSize(2) + 4);
    passed += pending.length - keep;
    pending = pending.subarray(pending.length - keep);
    if (passed > patience) throw new ProtocolError('the agent does not answer');
  };

  return {
    push(chunk) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      if (!synchronised) synchronise();
      const answers: Answer[] = [];
      while (synchronised && pending.length >= HEADER) {
        const size = pending.readUInt32LE(4);
        if (pending.readUInt32LE(0) !== MAGIC) throw new ProtocolError('a frame begins with something else');
        if (size > maxPayload) throw new ProtocolError(`a frame of ${size} bytes`);
        if (pending.length < HEADER + size + TRAILER) break;
        if (pending.readUInt32LE(HEADER + size) !== MAGIC) throw new ProtocolError('a frame ends with something else');
        answers.push({ id: pending.readUInt32LE(8), words: split(pending.subarray(HEADER, HEADER + size)) });
        pending = pending.subarray(HEADER + size + TRAILER);
      }
      return answers;
    },
  };
}

/**
 * A whole number as an agent of ours writes it, from 0 to `most`: whatever is made of it, a date above all, is valid.
 * @throws ProtocolError
 */
export function numberIn(word: Buffer | undefined, most = Number.MAX_SAFE_INTEGER): number {
  const text = word?.toString('latin1') ?? '';
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= most)) throw new ProtocolError('something else than a number');
  return number;
}

function split(payload: Buffer): readonly Buffer[] {
  const words: Buffer[] = [];
  for (let at = 0; at < payload.length; ) {
    const size = at + 4 <= payload.length ? payload.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    const end = at + wordSize(size);
    if (end > payload.length || payload[end - 1] !== 0) throw new ProtocolError('a word is cut off');
    words.push(payload.subarray(at + 4, end - 1));
    at = end;
  }
  if (words.length === 0) throw new ProtocolError('an empty frame');
  return words;
}

function wordSize(size: number): number {
  return 4 + size + 1;
}
