/** The engine's framing of stdout and stderr in one stream: type, three zeros, length, payload. */
import type { LogChunk } from '../driver.ts';

export async function* demultiplex(stream: AsyncIterable<Uint8Array>): AsyncGenerator<LogChunk> {
  let rest = Buffer.alloc(0);
  for await (const bytes of stream) {
    rest = rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([rest, bytes]);
    while (rest.length >= 8) {
      const end = 8 + rest.readUInt32BE(4);
      if (rest.length < end) break;
      yield { stream: rest[0] === 2 ? 'stderr' : 'stdout', data: rest.subarray(8, end) };
      rest = rest.subarray(end);
    }
  }
}
