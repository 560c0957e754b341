/** Closed-loop load: each connection sends its next request when the last one is answered. */
import { openConnection } from './connection.ts';

export interface LoadResult {
  /** Milliseconds of each request. */
  readonly latencies: readonly number[];
  /** From the first request to the last answer. */
  readonly seconds: number;
}

export interface LoadOptions {
  readonly endpoint: string;
  readonly connections: number;
  /** Ends after so many seconds, or after so many requests. */
  readonly seconds?: number;
  readonly requests?: number;
  /** Bytes of the next request. */
  readonly next: () => Buffer;
  readonly onAnswer?: (body: Buffer, sentAt: number) => void;
}

/** @throws Error at the first answer that is not 200: failures are not measured */
export async function applyLoad(options: LoadOptions): Promise<LoadResult> {
  const { endpoint, connections, seconds = Number.POSITIVE_INFINITY, requests = Number.POSITIVE_INFINITY } = options;
  const open = await Promise.all(Array.from({ length: connections }, async () => await openConnection(endpoint)));
  const latencies: number[] = [];
  let sent = 0;
  const start = performance.now();
  const deadline = start + seconds * 1000;
  try {
    await Promise.all(
      open.map(async (connection) => {
        while (sent < requests && performance.now() < deadline) {
          sent += 1;
          const sentAt = performance.now();
          const body = await connection.send(options.next());
          latencies.push(performance.now() - sentAt);
          options.onAnswer?.(body, sentAt);
        }
      }),
    );
    return { latencies, seconds: (performance.now() - start) / 1000 };
  } finally {
    for (const connection of open) connection.close();
  }
}
