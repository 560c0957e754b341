/** Frames a stream of JSON values, one to a line, however the bytes are cut. */
export async function* jsonLines<T>(stream: AsyncIterable<unknown>): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of stream) {
    rest += decoder.decode(bytes as Uint8Array, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim()) yield JSON.parse(line) as T;
  }
  if (rest.trim()) yield JSON.parse(rest) as T;
}
