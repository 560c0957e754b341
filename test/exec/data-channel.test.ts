/** The agent's end of a data channel by itself, time by hand: repetition, order, bounds, and whatever a client may send. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDataChannel, type Link, largestPayload } from '../../worker/exec/data-channel.ts';
import { createHandTime, type HandTime } from '../lifecycle/support.ts';
import { decodeFrame, encodeFrame } from './client.ts';

type Frame = ReturnType<typeof decodeFrame>;

function setUp(time: HandTime = createHandTime()) {
  const events: string[] = [];
  const channel = createDataChannel({
    sessionId: 's',
    clock: time.now,
    after: time.after,
    events: {
      ready: (size) => events.push(`ready ${size?.columns}x${size?.rows}`),
      input: (data) => events.push(`input ${data}`),
      resized: ({ columns, rows }) => events.push(`size ${columns}x${rows}`),
      terminated: () => events.push('terminated'),
      failed: (reason) => events.push(`failed ${reason}`),
    },
  });
  const connect = () => {
    const sent: Frame[] = [];
    const link: Link & { readonly sent: Frame[]; closed: boolean; paused: boolean } = {
      sent,
      closed: false,
      paused: false,
      send: (frame) => sent.push(decodeFrame(frame)),
      pause: () => {
        link.paused = true;
      },
      resume: () => {
        link.paused = false;
      },
      close: () => {
        link.closed = true;
      },
    };
    channel.attach(link);
    return link;
  };
  const acknowledge = (sequence: number) =>
    channel.receive(
      encodeFrame('acknowledge', 0, 0, Buffer.from(JSON.stringify({ AcknowledgedMessageSequenceNumber: sequence }))),
    );
  const input = (sequence: number, text: string, type = 1) =>
    channel.receive(encodeFrame('input_stream_data', sequence, type, Buffer.from(text)));
  const shakeHands = () => {
    acknowledge(0);
    input(0, '{}', 6);
    acknowledge(1);
    input(1, '{"cols":80,"rows":24}', 3);
  };
  return { time, events, channel, connect, acknowledge, input, shakeHands };
}

const output = (frames: readonly Frame[]) => frames.filter(({ type }) => type === 'output_stream_data');

test('the handshake, then a size, then it is ready', () => {
  const { events, connect, shakeHands } = setUp();
  const link = connect();
  shakeHands();
  expect(output(link.sent).map(({ sequence, payloadType }) => [sequence, payloadType])).toEqual([
    [0, 5],
    [1, 7],
  ]);
  expect(JSON.parse(`${output(link.sent)[0]?.payload}`).RequestedClientActions[0]).toEqual({
    ActionType: 'SessionType',
    ActionParameters: { SessionType: 'InteractiveCommands', Properties: null },
  });
  expect(Number.isInteger(JSON.parse(`${output(link.sent)[1]?.payload}`).HandshakeTimeToComplete)).toBe(true);
  expect(events).toEqual(['ready 80x24']);
});

test('a client without a terminal or a handshake is served; one that says nothing is given up', () => {
  const withoutSize = setUp();
  withoutSize.connect();
  withoutSize.input(0, '{}', 6);
  withoutSize.time.advance(600);
  expect(withoutSize.events).toEqual(['ready undefinedxundefined']);

  const bare = setUp();
  bare.connect();
  bare.input(0, 'ls');
  expect(bare.events).toEqual(['ready undefinedxundefined', 'input ls']);

  const silent = setUp();
  silent.connect();
  silent.time.advance(20_000);
  expect(silent.events).toEqual(['failed The client did not answer the handshake.']);
});

test('only the oldest message is repeated, and none that has arrived', async () => {
  const { time, channel, connect, shakeHands, acknowledge } = setUp();
  const link = connect();
  shakeHands();
  await channel.write(Buffer.from('a'));
  await channel.write(Buffer.from('b'));
  link.sent.length = 0;
  time.advance(450);
  expect(output(link.sent).map(({ sequence }) => sequence)).toEqual([2, 2]);
  acknowledge(2);
  link.sent.length = 0;
  time.advance(150);
  expect(output(link.sent).map(({ sequence }) => sequence)).toEqual([3]);
  acknowledge(3);
  link.sent.length = 0;
  time.advance(1000);
  expect(link.sent).toEqual([]);
});

test('a message whose acknowledgement was lost is repeated within bounds', async () => {
  const { time, channel, connect, shakeHands, acknowledge } = setUp();
  const link = connect();
  shakeHands();
  await channel.write(Buffer.from('a'));
  await channel.write(Buffer.from('b'));
  acknowledge(3);
  time.advance(60_000);
  const before = output(link.sent).length;
  time.advance(60_000);
  expect(output(link.sent).length).toBe(before);
});

test('a slow client makes writes wait; its acknowledgements and the end of output let them go', async () => {
  const { channel, connect, shakeHands, acknowledge } = setUp();
  const link = connect();
  shakeHands();
  const all = channel.write(Buffer.alloc(4_000_000));
  const sent = output(link.sent).length;
  expect(sent * largestPayload).toBeLessThan(1_200_000);
  for (let sequence = 0; sequence < sent; sequence += 1) acknowledge(sequence);
  await new Promise((resolve) => setImmediate(resolve));
  expect(output(link.sent).length).toBeGreaterThan(sent);
  channel.closeOutput();
  await all;
});

test('a client that is held may have more on its way, for its acknowledgements are held too', async () => {
  const { channel, connect, shakeHands } = setUp();
  const link = connect();
  shakeHands();
  channel.hold(true);
  expect(link.paused).toBe(true);
  await channel.write(Buffer.alloc(4_000_000));
  channel.hold(false);
  expect(link.paused).toBe(false);
  channel.destroy();
});

test('a connection that replaces another gets what has not arrived', async () => {
  const { channel, connect, shakeHands, acknowledge } = setUp();
  const first = connect();
  shakeHands();
  await channel.write(Buffer.from('a'));
  await channel.write(Buffer.from('b'));
  acknowledge(2);
  const second = connect();
  expect(first.closed).toBe(true);
  expect(output(second.sent).map(({ sequence, payload }) => `${sequence} ${payload}`)).toEqual(['3 b']);
  expect(channel.detach(first)).toBe(false);
  expect(channel.detach(second)).toBe(true);
});

test('the end waits for a client that reads slowly, and not for one that has stopped', async () => {
  const { time, channel, connect, shakeHands, acknowledge } = setUp();
  const link = connect();
  shakeHands();
  const closed = () => link.sent.some(({ type }) => type === 'channel_closed');
  const pass = async (seconds: number) => {
    for (let tick = 0; tick < seconds * 100; tick += 1) {
      time.advance(10);
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  for (const word of ['a', 'b', 'c', 'd']) await channel.write(Buffer.from(word));
  const finished = channel.finish('');
  for (const sequence of [2, 3, 4]) {
    await pass(10);
    acknowledge(sequence);
    expect(closed()).toBe(false);
  }
  await pass(14);
  expect(closed()).toBe(false);
  await pass(2);
  await finished;
  expect(closed()).toBe(true);
});

test('the end waits for what is on its way', async () => {
  const { time, channel, connect, shakeHands, acknowledge } = setUp();
  const link = connect();
  shakeHands();
  await channel.write(Buffer.from('last words'));
  const finished = channel.finish('');
  time.advance(10);
  expect(link.sent.some(({ type }) => type === 'channel_closed')).toBe(false);
  acknowledge(2);
  time.advance(10);
  await finished;
  expect(link.sent.at(-1)?.type).toBe('channel_closed');
  expect(link.closed).toBe(true);
});

test('input arrives once and in order, whatever order it comes in', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 19 }), { maxLength: 100 }), (arrivals) => {
      const { events, connect, shakeHands, input } = setUp();
      const link = connect();
      shakeHands();
      link.sent.length = 0;
      const order = [...arrivals, ...Array.from({ length: 20 }, (_, index) => index)];
      for (const index of order) input(index + 2, `${index}`);
      expect(events.slice(1)).toEqual(Array.from({ length: 20 }, (_, index) => `input ${index}`));
      expect(link.sent.filter(({ type }) => type === 'acknowledge')).toHaveLength(order.length);
    }),
  );
});

test('nothing that a client sends breaks it', () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .constantFrom('null', '[]', '{"cols":-1,"rows":1e9}', '{"AcknowledgedMessageSequenceNumber":"1"}')
      .map(Buffer.from),
  );
  const frame = fc.oneof(
    fc
      .record({
        type: fc.constantFrom('input_stream_data', 'acknowledge', 'channel_closed', 'output_stream_data', 'other'),
        sequence: fc.oneof(fc.nat({ max: 5 }), fc.maxSafeNat()),
        payloadType: fc.nat({ max: 15 }),
        payload,
      })
      .map((one) => encodeFrame(one.type, one.sequence, one.payloadType, one.payload)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 60 }), (frames) => {
      const { channel, connect, time } = setUp();
      connect();
      for (const each of frames) channel.receive(each);
      time.advance(1000);
      channel.destroy();
    }),
  );
});

test('input that comes too early is kept within bounds', () => {
  const { connect, shakeHands, input } = setUp();
  const link = connect();
  shakeHands();
  link.sent.length = 0;
  for (let sequence = 3; sequence < 5000; sequence += 1) input(sequence, 'x');
  expect(link.sent.length).toBeLessThanOrEqual(1000);
});
