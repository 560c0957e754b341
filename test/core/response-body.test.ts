import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { bodyOf, readAtMost } from '../../core/response-body.ts';
import { endless } from '../support/endless.ts';

/** An answer of a server that does this, and what resolves when its connection is gone. */
async function answerOf(act: (response: ServerResponse) => void) {
  const server = createServer((_, response) => {
    closed = once(response, 'close');
    act(response);
  });
  let closed: Promise<unknown> = Promise.resolve();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { response, closed: async () => await closed };
}

test('an answer is read whole', async () => {
  const { response } = await answerOf((to) => to.end('x'.repeat(1000)));
  expect((await readAtMost(response, 1000, 10_000)).toString()).toBe('x'.repeat(1000));
});

test('one that is too long is let go of', async () => {
  const { response, closed } = await answerOf(endless);
  await expect(readAtMost(response, 2 ** 20, 10_000)).rejects.toThrow('the answer is longer than 1048576 bytes');
  await closed();
});

test('so is one that stops, and one that nobody reads to the end', async () => {
  const stops = await answerOf((to) => to.write('x'));
  await expect(readAtMost(stops.response, 1000, 50)).rejects.toThrow('nothing came for 50 ms');
  await stops.closed();
  const { response, closed } = await answerOf(endless);
  for await (const piece of bodyOf(response, 10_000)) if (piece.length > 0) break;
  await closed();
});
