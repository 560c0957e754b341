/** Digests: the names of everything in a registry. */
import { createHash } from 'node:crypto';

/** `sha256:` and 64 hexadecimal digits; the only algorithm, as in ECR. */
export type Digest = `sha256:${string}`;

export function isDigest(text: string | undefined): text is Digest {
  return text !== undefined && /^sha256:[0-9a-f]{64}$/.test(text);
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
