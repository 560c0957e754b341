/** Decompression of LZ4's legacy format, in which the kernel packs itself. */

const MAGIC = 0x184c2102;
const BLOCK = 8 << 20;

export function isLz4Legacy(data: Buffer): boolean {
  return data.length >= 4 && data.readUInt32LE(0) === MAGIC;
}

/** @throws Error when the data is broken */
export function decompressLz4Legacy(data: Buffer): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 4; at + 4 <= data.length; ) {
    const size = data.readUInt32LE(at);
    if (size === 0 || at + 4 + size > data.length) throw new Error('LZ4 data is cut off');
    blocks.push(decompressBlock(data.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  return Buffer.concat(blocks);
}

function decompressBlock(input: Buffer): Buffer {
  const output = Buffer.allocUnsafe(BLOCK);
  let at = 0;
  let size = 0;
  const lengthFrom = (nibble: number) => {
    let length = nibble;
    if (nibble === 15)
      for (let more = 255; more === 255; at += 1) {
        more = input[at] ?? 0;
        length += more;
      }
    return length;
  };
  while (at < input.length) {
    const token = input[at] ?? 0;
    at += 1;
    const literals = lengthFrom(token >> 4);
    if (at + literals > input.length || size + literals > BLOCK) throw new Error('LZ4 data is broken');
    input.copy(output, size, at, at + literals);
    at += literals;
    size += literals;
    // A block ends with literals.
    if (at >= input.length) break;
    const distance = input.readUInt16LE(at);
    at += 2;
    const length = lengthFrom(token & 15) + 4;
    const from = size - distance;
    if (distance === 0 || from < 0 || size + length > BLOCK) throw new Error('LZ4 data is broken');
    // What is copied may overlap with what is written.
    if (distance >= length) output.copy(output, size, from, from + length);
    else for (let index = 0; index < length; index += 1) output[size + index] = output[from + index] ?? 0;
    size += length;
  }
  return output.subarray(0, size);
}
