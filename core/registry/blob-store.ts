/**
 * Where the bytes of a registry are: blobs by digest, and uploads that are to become blobs. Nothing is known here of
 * repositories, of who may see what, or of what is still needed.
 *
 * A blob is whole and its digest is proved before anybody can read it, and it stays so over a crash at any moment; what
 * `append` has resolved for survives one too. Each method may be called by several processes at once.
 */
import type { Readable, Writable } from 'node:stream';
import type { Digest } from './digest.ts';

export interface BlobRange {
  /** First byte. */
  readonly start: number;
  /** Last byte, included. */
  readonly end: number;
}

/** Writes the bytes and ends the stream, which may use a piece only until it has taken it. */
export type SendBlob = (to: Writable) => Promise<void>;

export interface BlobStore {
  /** Bytes of a blob; undefined: there is none. */
  size(digest: Digest): Promise<number | undefined>;
  /** The stream goes on to its end when the blob is removed meanwhile. */
  read(digest: Digest, range?: BlobRange): Promise<Readable | undefined>;
  /** As `read`, for who passes the bytes on as they are. What is returned is to be called. */
  send(digest: Digest, range?: BlobRange): Promise<SendBlob | undefined>;
  /** Stores small content at once. @returns its digest */
  write(content: Uint8Array): Promise<Digest>;
  /** Takes the blob away; brings it back when `confirm`, which is asked once nobody can open it any more, says no. */
  remove(digest: Digest, confirm: () => Promise<boolean>): Promise<void>;
  /** Ends removals that were cut off by the end of a process: puts back what is needed. */
  recover(isNeeded: (digest: Digest) => Promise<boolean>): Promise<void>;
  /** Every blob, in no order. */
  list(): AsyncIterable<{ readonly digest: Digest; readonly changedAt: number }>;

  createUpload(id: string): Promise<void>;
  /** Bytes that an upload has; undefined: there is no such upload. */
  uploadSize(id: string): Promise<number | undefined>;
  /**
   * Adds what a stream gives. What came is kept when the stream breaks.
   * @param from bytes that the upload must have so far
   * @param most bytes that the stream may give; more are an AppendError, and nothing is added
   * @returns bytes that the upload has now
   * @throws AppendError
   */
  append(id: string, source: AsyncIterable<Uint8Array>, options: AppendOptions): Promise<number>;
  /**
   * Turns an upload into a blob.
   * @param size bytes of the upload that count, when what came after them does not; undefined: all
   * @throws DigestError, and the upload is gone
   */
  finish(id: string, digest: Digest, size?: number): Promise<void>;
  discardUpload(id: string): Promise<void>;
  listUploads(): AsyncIterable<{ readonly id: string; readonly changedAt: number }>;
}

export interface AppendOptions {
  readonly from?: number;
  /** What the upload has after `from` gives way: a part of it was cut off. */
  readonly replace?: boolean;
  /** Exact number of bytes that the stream must give. */
  readonly length?: number;
  readonly most?: number;
}

/** Nothing was added to an upload. */
export class AppendError extends Error {
  override readonly name = 'AppendError';
  /** `offset`: it has another size than `from`; `length`: the stream gave more or fewer bytes than it should. */
  readonly kind: 'unknown' | 'offset' | 'length';
  /** Bytes that the upload has. */
  readonly size: number;
  constructor(kind: AppendError['kind'], size: number) {
    super(`The upload cannot be added to: ${kind}.`);
    this.kind = kind;
    this.size = size;
  }
}

/** Content is not what its digest says. */
export class DigestError extends Error {
  override readonly name = 'DigestError';
  readonly actual: Digest;
  constructor(actual: Digest) {
    super(`The content's digest is ${actual}.`);
    this.actual = actual;
  }
}
