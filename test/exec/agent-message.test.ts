/** Frames of the data channel: the form that AWS's programs read and write, and that nothing else gets through. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AgentMessage,
  acknowledgedSequence,
  acknowledgement,
  channelClosed,
  decodeMessage,
  encodeMessage,
  readJson,
  streamMessage,
} from '../../core/exec/agent-message.ts';
import { decodeFrame, encodeFrame } from './client.ts';

const message: fc.Arbitrary<AgentMessage> = fc.record({
  messageType: fc.constantFrom('input_stream_data', 'output_stream_data', 'acknowledge', 'channel_closed'),
  sequenceNumber: fc.nat(),
  messageId: fc.uuid(),
  payloadType: fc.nat({ max: 12 }),
  payload: fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
  createdAt: fc.integer({ min: 1, max: 2 ** 42 }),
  flags: fc.nat({ max: 3 }),
});

test('the bytes of a frame', () => {
  const frame = encodeMessage({
    messageType: 'input_stream_data',
    sequenceNumber: 5,
    messageId: '00112233-4455-6677-8899-aabbccddeeff',
    payloadType: 1,
    payload: Buffer.from('ls\r'),
    createdAt: 0x0102030405,
    flags: 0,
  });
  expect(frame.toString('hex')).toBe(
    [
      '00000074',
      Buffer.from('input_stream_data               ').toString('hex'),
      '00000001',
      '0000000102030405',
      '0000000000000005',
      '0000000000000000',
      '8899aabbccddeeff0011223344556677',
      '1d887ce0f8672e4914d9000e801cd74ecd805dd9366c0bc42dc16adc0197dc2f',
      '00000001',
      '00000003',
      '6c730d',
    ].join(''),
  );
});

test('what is written is read, by another reader too', () => {
  fc.assert(
    fc.property(message, (sent) => {
      expect(decodeMessage(encodeMessage(sent))).toEqual(sent);
      const { messageType, sequenceNumber, messageId, payloadType, payload } = sent;
      const read = { type: messageType, sequence: sequenceNumber, messageId, payloadType, payload };
      expect(decodeFrame(encodeMessage(sent))).toEqual(read);
      const other = decodeMessage(encodeFrame(messageType, sequenceNumber, payloadType, payload));
      expect(other).toMatchObject({ messageType, sequenceNumber, payloadType, payload });
    }),
  );
});

test('garbage is no frame, and a frame with a changed byte is none or another', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      expect(decodeMessage(Buffer.from(bytes))).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, position, change) => {
      const frame = encodeMessage(sent);
      const at = position % frame.length;
      frame.writeUInt8((frame[at] ?? 0) ^ change, at);
      const read = decodeMessage(frame);
      if (read && sent.payload.length > 0) expect(read.payload).toEqual(sent.payload);
    }),
  );
  fc.assert(
    fc.property(message, fc.nat(), (sent, length) => {
      const frame = encodeMessage(sent);
      expect(decodeMessage(frame.subarray(0, length % frame.length))).toBeUndefined();
    }),
  );
});

test('a date of 0, a negative sequence and a header of another length are refused', () => {
  const frame = () =>
    Buffer.from(streamMessage('input_stream_data', 3, { payloadType: 1, payload: Buffer.from('x') }, 9));
  const changed = (change: (frame: Buffer) => void) => {
    const copy = frame();
    change(copy);
    return decodeMessage(copy);
  };
  expect(decodeMessage(frame())).toMatchObject({ sequenceNumber: 3 });
  expect(changed((copy) => copy.writeBigUInt64BE(0n, 40))).toBeUndefined();
  expect(changed((copy) => copy.writeBigInt64BE(-1n, 48))).toBeUndefined();
  expect(changed((copy) => copy.writeUInt32BE(0xffffffff, 0))).toBeUndefined();
  expect(changed((copy) => copy.writeUInt32BE(2, 116))).toBeUndefined();
  expect(changed((copy) => copy.fill(0, 21, 36))).toMatchObject({ messageType: 'input_stream_data' });
});

describe('control messages', () => {
  test('an acknowledgement names what it acknowledges', () => {
    const sent = decodeMessage(streamMessage('input_stream_data', 7, { payloadType: 1, payload: Buffer.from('x') }, 9));
    const read = sent && decodeMessage(acknowledgement(sent, 10));
    expect(read).toMatchObject({ messageType: 'acknowledge', sequenceNumber: 0, payloadType: 0, flags: 3 });
    expect(read && acknowledgedSequence(read)).toBe(7);
    expect(read && readJson(read.payload)).toMatchObject({
      AcknowledgedMessageType: 'input_stream_data',
      AcknowledgedMessageId: sent?.messageId,
      IsSequentialMessage: true,
    });
  });

  test('the end of a session', () => {
    const read = decodeMessage(channelClosed('ecs-execute-command-1', 'why', 10));
    expect(read && readJson(read.payload)).toMatchObject({
      SessionId: 'ecs-execute-command-1',
      DestinationId: 'ecs-execute-command-1',
      MessageType: 'channel_closed',
      SchemaVersion: 1,
      Output: 'why',
      MessageId: read?.messageId,
    });
  });
});
