import type { ServerResponse } from 'node:http';

/** Answers with zeros until the connection is gone. */
export function endless(response: ServerResponse): void {
  const piece = Buffer.alloc(2 ** 18);
  const write = () => {
    while (!response.destroyed) if (!response.write(piece)) return void response.once('drain', write);
  };
  write();
}
