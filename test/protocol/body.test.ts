import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBodyReader } from '../../api/body.ts';

/** A body that comes when the test says so. */
function slow() {
  const stream = new PassThrough();
  return { stream, incoming: stream as unknown as IncomingMessage };
}

const taken = async () => await new Promise((resolve) => setImmediate(resolve));

test('the oldest of too many slow bodies is given up, later and quick ones are read', async () => {
  const read = createBodyReader(100);
  const bodies = Array.from({ length: 3 }, slow);
  const reading = bodies.map(async ({ incoming }) => (await read(incoming, 80)).length);
  const outcomes = Promise.allSettled(reading);
  for (const { stream } of bodies) {
    stream.write(Buffer.alloc(40));
    await taken();
  }
  const quick = slow();
  quick.stream.end(Buffer.alloc(60));
  expect(await read(quick.incoming, 80)).toHaveLength(60);
  for (const { stream } of bodies) stream.end();
  expect(await outcomes).toMatchObject([
    { status: 'rejected', reason: { code: 'ThrottlingException', status: 400 } },
    { status: 'rejected', reason: { code: 'ThrottlingException' } },
    { status: 'fulfilled', value: 40 },
  ]);
});

test('bodies that fit come whole, one after another, without end', async () => {
  const read = createBodyReader(50);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 5 }), async (chunks) => {
      const { stream, incoming } = slow();
      const reading = read(incoming, 50).catch((error: Error) => error);
      for (const chunk of chunks) stream.write(chunk);
      stream.end();
      const whole = Buffer.concat(chunks);
      expect(await reading).toEqual(
        whole.length <= 50 ? whole : expect.objectContaining({ code: 'RequestEntityTooLargeException' }),
      );
    }),
  );
});

test('a body that breaks off holds nothing any more', async () => {
  const read = createBodyReader(50);
  const { stream, incoming } = slow();
  const reading = read(incoming, 50);
  stream.write(Buffer.alloc(45));
  await taken();
  stream.destroy(new Error('gone'));
  await expect(reading).rejects.toMatchObject({ code: 'RequestAbortedException' });
  const [one, other] = [slow(), slow()];
  const both = Promise.all([read(one.incoming, 50), read(other.incoming, 50)]);
  one.stream.write(Buffer.alloc(25));
  other.stream.end(Buffer.alloc(25));
  await taken();
  one.stream.end();
  expect((await both).map(({ length }) => length)).toEqual([25, 25]);
});
