/**
 * A client of a session's data channel, written from the protocol's description and sharing no code with the product.
 * It does what AWS's plugin does: shakes hands, acknowledges, repeats its oldest unacknowledged input.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Session } from '@aws-sdk/client-ecs';
import { WebSocket } from 'ws';

export interface ClientOptions {
  readonly session: Session;
  /** Told after the handshake. Default: 100 columns, 30 rows. */
  readonly size?: { readonly cols: number; readonly rows: number };
  /** Output that is not acknowledged, by sequence number and how often it has come. */
  readonly loses?: (sequence: number, times: number) => boolean;
  /** Where an earlier connection of this session stood. */
  readonly resumes?: SessionClient;
  /** Called with each piece of output. Without it, output is kept. */
  readonly onOutput?: (data: Buffer) => void;
}

export interface SessionClient {
  readonly socket: WebSocket;
  /** Everything that came so far, in order, each byte once. */
  readonly text: () => string;
  /** Resolves when `words` have come. */
  until(words: string | RegExp): Promise<string>;
  type(text: string | Buffer): void;
  resize(cols: number, rows: number): void;
  send(type: string, sequence: number, payloadType: number, payload: Buffer): void;
  /** The output of `channel_closed`; rejects when the connection ends without it. */
  readonly closed: Promise<string>;
  /** The connection is gone, however. */
  readonly gone: Promise<number>;
  readonly position: Position;
}

interface Position {
  received: number;
  sent: number;
  kept: string;
  readonly unacknowledged: Map<number, Buffer>;
  readonly early: Map<number, { readonly payloadType: number; readonly payload: Buffer }>;
}

export async function openSession(options: ClientOptions): Promise<SessionClient> {
  const { session, size = { cols: 100, rows: 30 }, loses = () => false } = options;
  const socket = new WebSocket(session.streamUrl ?? '', { perMessageDeflate: false });
  const position: Position = options.resumes?.position ?? {
    received: 0,
    sent: 0,
    kept: '',
    unacknowledged: new Map(),
    early: new Map(),
  };
  const times = new Map<number, number>();
  let told = () => {};
  let tellClosed: (output: string) => void = () => {};
  let tellLost: (error: Error) => void = () => {};
  const closed = new Promise<string>((resolve, reject) => {
    tellClosed = resolve;
    tellLost = reject;
  });
  closed.catch(() => {});
  const gone = new Promise<number>((resolve) => {
    socket.once('close', (code) => {
      clearInterval(repeat);
      tellLost(new Error(`the connection ended (${code}) after: ${position.kept.slice(-200)}`));
      told();
      resolve(code);
    });
  });
  const repeat = setInterval(() => {
    const [oldest] = position.unacknowledged.values();
    if (oldest && socket.readyState === socket.OPEN) socket.send(oldest);
  }, 200);

  function send(type: string, sequence: number, payloadType: number, payload: Buffer): Buffer {
    const frame = encodeFrame(type, sequence, payloadType, payload);
    if (socket.readyState === socket.OPEN) socket.send(frame);
    return frame;
  }

  function sendInput(payloadType: number, payload: Buffer): void {
    const sequence = position.sent;
    position.sent += 1;
    position.unacknowledged.set(sequence, send('input_stream_data', sequence, payloadType, payload));
  }

  function take(payloadType: number, payload: Buffer): void {
    if (payloadType === 5) {
      const { RequestedClientActions } = JSON.parse(payload.toString());
      const ProcessedClientActions = RequestedClientActions.map(({ ActionType }: { ActionType: string }) => ({
        ActionType,
        ActionStatus: 1,
        ActionResult: null,
        Error: '',
      }));
      sendInput(6, Buffer.from(JSON.stringify({ ClientVersion: '1.2.0.0', ProcessedClientActions, Errors: [] })));
    } else if (payloadType === 7) sendInput(3, Buffer.from(JSON.stringify(size)));
    else if (options.onOutput) options.onOutput(payload);
    else {
      position.kept += payload.toString('latin1');
      told();
    }
  }

  socket.on('message', (data) => {
    const frame = decodeFrame(data as Buffer);
    if (frame.type === 'acknowledge')
      position.unacknowledged.delete(JSON.parse(frame.payload.toString()).AcknowledgedMessageSequenceNumber);
    if (frame.type === 'channel_closed') tellClosed(JSON.parse(frame.payload.toString()).Output);
    if (frame.type !== 'output_stream_data') return;
    const seen = (times.get(frame.sequence) ?? 0) + 1;
    times.set(frame.sequence, seen);
    if (frame.sequence < position.received || loses(frame.sequence, seen)) return;
    position.early.set(frame.sequence, frame);
    const content = {
      AcknowledgedMessageType: 'output_stream_data',
      AcknowledgedMessageId: frame.messageId,
      AcknowledgedMessageSequenceNumber: frame.sequence,
      IsSequentialMessage: true,
    };
    send('acknowledge', 0, 0, Buffer.from(JSON.stringify(content)));
    for (let next = position.early.get(position.received); next; next = position.early.get(position.received)) {
      position.early.delete(position.received);
      position.received += 1;
      times.delete(position.received - 1);
      take(next.payloadType, next.payload);
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  const open = {
    MessageSchemaVersion: '1.0',
    RequestId: randomUUID(),
    TokenValue: session.tokenValue,
    ClientId: 'test',
  };
  socket.send(JSON.stringify(open));
  for (const frame of options.resumes ? position.unacknowledged.values() : []) socket.send(frame);

  const has = (words: string | RegExp) =>
    typeof words === 'string' ? position.kept.includes(words) : words.test(position.kept);
  return {
    socket,
    closed,
    gone,
    position,
    text: () => position.kept,
    async until(words) {
      while (!has(words)) {
        if (socket.readyState === socket.CLOSED) throw new Error(`"${words}" never came: ${position.kept.slice(-500)}`);
        await new Promise<void>((resolve) => {
          told = resolve;
        });
      }
      return position.kept;
    },
    type(text) {
      const data = Buffer.from(text as string);
      for (let from = 0; from < data.length; from += 1024) sendInput(1, data.subarray(from, from + 1024));
    },
    resize: (cols, rows) => sendInput(3, Buffer.from(JSON.stringify({ cols, rows }))),
    send: (type, sequence, payloadType, payload) => void send(type, sequence, payloadType, payload),
  };
}

export function encodeFrame(type: string, sequence: number, payloadType: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(120);
  header.writeUInt32BE(116, 0);
  header.write(type.padEnd(32, ' '), 4);
  header.writeUInt32BE(1, 36);
  header.writeBigUInt64BE(BigInt(Date.now()), 40);
  header.writeBigInt64BE(BigInt(sequence), 48);
  const id = Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
  id.copy(header, 64, 8, 16);
  id.copy(header, 72, 0, 8);
  createHash('sha256').update(payload).digest().copy(header, 80);
  header.writeUInt32BE(payloadType, 112);
  header.writeUInt32BE(payload.length, 116);
  return Buffer.concat([header, payload]);
}

export function decodeFrame(frame: Buffer) {
  const start = frame.readUInt32BE(0) + 4;
  const hex = Buffer.concat([frame.subarray(72, 80), frame.subarray(64, 72)]).toString('hex');
  const payload = frame.subarray(start);
  if (frame.readUInt32BE(116) !== payload.length || frame.readBigUInt64BE(40) === 0n) throw new Error('a bad frame');
  if (!createHash('sha256').update(payload).digest().equals(frame.subarray(80, 112))) throw new Error('a bad digest');
  return {
    type: frame.toString('ascii', 4, 36).trimEnd(),
    sequence: Number(frame.readBigInt64BE(48)),
    messageId: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    payloadType: frame.readUInt32BE(112),
    payload,
  };
}
