/**
 * The frames of a session's data channel, as AWS's session-manager-plugin and agent exchange them: one binary WebSocket
 * message each, integers big-endian, a payload behind a header of fixed form.
 * (https://github.com/aws/session-manager-plugin, src/message)
 */
import { createHash, randomUUID } from 'node:crypto';

export type MessageType =
  | 'input_stream_data'
  | 'output_stream_data'
  | 'acknowledge'
  | 'channel_closed'
  | 'start_publication'
  | 'pause_publication';

/** What the payload of a stream message is. */
export const payloadType = {
  /** Bytes of a terminal, either way. Acknowledgements and control messages have 0. */
  output: 1,
  /** JSON: `cols`, `rows`. */
  size: 3,
  handshakeRequest: 5,
  handshakeResponse: 6,
  handshakeComplete: 7,
  /** A big-endian number, see `flag`. */
  flag: 10,
} as const;

export const flag = { terminateSession: 2 } as const;

export interface AgentMessage {
  readonly messageType: MessageType;
  readonly sequenceNumber: number;
  /** UUID. */
  readonly messageId: string;
  readonly payloadType: number;
  readonly payload: Buffer;
  /** Milliseconds since the epoch; never 0. */
  readonly createdAt: number;
  /** 1: first message of a stream, 3: acknowledgement. */
  readonly flags: number;
}

const at = {
  headerLength: 0,
  messageType: 4,
  schemaVersion: 36,
  createdDate: 40,
  sequenceNumber: 48,
  flags: 56,
  messageId: 64,
  payloadDigest: 80,
  payloadType: 112,
  payloadLength: 116,
  payload: 120,
} as const;

const types: ReadonlySet<string> = new Set<MessageType>([
  'input_stream_data',
  'output_stream_data',
  'acknowledge',
  'channel_closed',
  'start_publication',
  'pause_publication',
]);

export function encodeMessage(message: AgentMessage): Buffer {
  const { payload } = message;
  const frame = Buffer.alloc(at.payload + payload.length);
  // The payload's length is not part of the header, as its readers count it.
  frame.writeUInt32BE(at.payloadLength, at.headerLength);
  frame.write(message.messageType.padEnd(at.schemaVersion - at.messageType), at.messageType, 'ascii');
  frame.writeUInt32BE(1, at.schemaVersion);
  frame.writeBigUInt64BE(BigInt(message.createdAt), at.createdDate);
  frame.writeBigInt64BE(BigInt(message.sequenceNumber), at.sequenceNumber);
  frame.writeBigUInt64BE(BigInt(message.flags), at.flags);
  halvesSwapped(Buffer.from(message.messageId.replaceAll('-', ''), 'hex')).copy(frame, at.messageId);
  createHash('sha256').update(payload).digest().copy(frame, at.payloadDigest);
  frame.writeUInt32BE(message.payloadType, at.payloadType);
  frame.writeUInt32BE(payload.length, at.payloadLength);
  payload.copy(frame, at.payload);
  return frame;
}

/** undefined: not a frame, one of an unknown type, or one whose payload is not what was sent. */
export function decodeMessage(frame: Buffer): AgentMessage | undefined {
  if (frame.length < at.payload) return undefined;
  const payloadAt = frame.readUInt32BE(at.headerLength) + 4;
  if (payloadAt !== at.payload) return undefined;
  const messageType = frame.toString('latin1', at.messageType, at.schemaVersion).replace(/[\0 ]+$/, '');
  if (!types.has(messageType)) return undefined;
  const payload = frame.subarray(payloadAt);
  if (payload.length !== frame.readUInt32BE(at.payloadLength)) return undefined;
  const sequenceNumber = Number(frame.readBigInt64BE(at.sequenceNumber));
  const createdAt = Number(frame.readBigUInt64BE(at.createdDate));
  if (!Number.isSafeInteger(sequenceNumber) || sequenceNumber < 0 || createdAt === 0) return undefined;
  const digest = frame.subarray(at.payloadDigest, at.payloadType);
  if (payload.length > 0 && !createHash('sha256').update(payload).digest().equals(digest)) return undefined;
  return {
    messageType: messageType as MessageType,
    sequenceNumber,
    messageId: uuidOf(halvesSwapped(frame.subarray(at.messageId, at.payloadDigest))),
    payloadType: frame.readUInt32BE(at.payloadType),
    payload,
    createdAt,
    flags: Number(frame.readBigUInt64BE(at.flags)),
  };
}

/** A message of a stream. */
export function streamMessage(
  messageType: 'input_stream_data' | 'output_stream_data',
  sequenceNumber: number,
  content: { readonly payloadType: number; readonly payload: Buffer },
  now: number,
): Buffer {
  const flags = messageType === 'output_stream_data' && sequenceNumber === 0 ? 1 : 0;
  return encodeMessage({ messageType, sequenceNumber, messageId: randomUUID(), createdAt: now, flags, ...content });
}

/** Tells that `message` has arrived. */
export function acknowledgement(message: AgentMessage, now: number): Buffer {
  const content = {
    AcknowledgedMessageType: message.messageType,
    AcknowledgedMessageId: message.messageId,
    AcknowledgedMessageSequenceNumber: message.sequenceNumber,
    IsSequentialMessage: true,
  };
  return control('acknowledge', randomUUID(), content, now);
}

/** undefined: not an acknowledgement. */
export function acknowledgedSequence({ messageType, payload }: AgentMessage): number | undefined {
  if (messageType !== 'acknowledge') return undefined;
  const sequence = readJson(payload)?.AcknowledgedMessageSequenceNumber;
  return typeof sequence === 'number' ? sequence : undefined;
}

/** Ends a session at the client; `output` is shown when it is not empty. */
export function channelClosed(sessionId: string, output: string, now: number): Buffer {
  const messageId = randomUUID();
  const content = {
    MessageId: messageId,
    CreatedDate: new Date(now).toISOString(),
    DestinationId: sessionId,
    SessionId: sessionId,
    MessageType: 'channel_closed',
    SchemaVersion: 1,
    Output: output,
  };
  return control('channel_closed', messageId, content, now);
}

/** The object that a JSON payload holds; undefined for anything else. */
export function readJson(payload: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function control(messageType: 'acknowledge' | 'channel_closed', messageId: string, content: object, now: number) {
  return encodeMessage({
    messageType,
    sequenceNumber: 0,
    messageId,
    payloadType: 0,
    payload: Buffer.from(JSON.stringify(content)),
    createdAt: now,
    flags: messageType === 'acknowledge' ? 3 : 0,
  });
}

function halvesSwapped(id: Buffer): Buffer {
  return Buffer.concat([id.subarray(8, 16), id.subarray(0, 8)]);
}

function uuidOf(id: Buffer): string {
  return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
