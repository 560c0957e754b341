/** Answers of servers that nobody vouches for: they may be endless, or stop in the middle. */

/** Whoever stops reading ends the connection. @param patience milliseconds between two pieces. @throws Error */
export async function* bodyOf({ body }: Response, patience: number): AsyncGenerator<Uint8Array> {
  if (!body) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await soon(reader.read(), patience);
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function soon<Result>(work: Promise<Result>, patience: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${patience} ms`)), patience);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** @param limit bytes. @throws Error when there are more */
export async function readAtMost(response: Response, limit: number, patience: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of bodyOf(response, patience)) {
    length += piece.length;
    if (length > limit) throw new Error(`the answer is longer than ${limit} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces, length);
}
