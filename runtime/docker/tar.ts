/** Writes small ustar archives: what an image of a few files needs. */

export type TarEntry =
  | { readonly path: string; readonly mode?: number; readonly data: Uint8Array }
  | { readonly path: string; readonly mode?: number; readonly directory: true }
  | { readonly path: string; readonly linkTo: string };

const BLOCK = 512;

/** Paths and link targets are at most 100 bytes; everything belongs to root and has no time, so equal input gives equal bytes. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(2 * BLOCK)]);
}

function blocksOf(entry: TarEntry): Buffer[] {
  if ('directory' in entry) return [header(`${entry.path}/`, entry.mode ?? 0o755, 0, '5', '')];
  if ('linkTo' in entry) return [header(entry.path, 0o777, 0, '2', entry.linkTo)];
  const padding = Buffer.alloc((BLOCK - (entry.data.length % BLOCK)) % BLOCK);
  return [header(entry.path, entry.mode ?? 0o644, entry.data.length, '0', ''), Buffer.from(entry.data), padding];
}

function header(path: string, mode: number, size: number, type: string, linkTo: string): Buffer {
  if (Buffer.byteLength(path) > 100 || Buffer.byteLength(linkTo) > 100)
    throw new RangeError(`too long for ustar: ${path}`);
  const block = Buffer.alloc(BLOCK);
  block.write(path, 0);
  block.write(octal(mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(' '.repeat(8), 148);
  block.write(type, 156);
  block.write(linkTo, 157);
  block.write('ustar\0', 257);
  block.write('00', 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)}\0 `.slice(0, 8), 148);
  return block;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}
