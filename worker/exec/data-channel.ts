/**
 * The agent's end of a session's data channel: order, acknowledgement and repetition of messages, the handshake, the end.
 * What it knows outlives the connection: a client that comes back goes on where it was.
 *
 *   attach -> handshake -> `ready` -> input and output -> finish
 *
 * Each message is acknowledged on its own. Of what is not acknowledged only the oldest is repeated, as the client does:
 * a client that has just finished the handshake drops what comes too early, and keeps what comes after it.
 */
import type { After, Clock } from '../../core/clock.ts';
import {
  type AgentMessage,
  acknowledgedSequence,
  acknowledgement,
  channelClosed,
  decodeMessage,
  flag,
  payloadType,
  readJson,
  streamMessage,
} from '../../core/exec/agent-message.ts';

/** One connection of a client, as far as this process sees it. */
export interface Link {
  send(frame: Buffer): void;
  /** Stops and resumes what `receive` is given. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface DataChannelEvents {
  /** The client can show output; its terminal's size, if it has told. */
  ready(size: TerminalSize | undefined): void;
  input(data: Buffer): void;
  resized(size: TerminalSize): void;
  /** The client wants no more. */
  terminated(): void;
  /** The client is not one that shakes hands. */
  failed(reason: string): void;
}

export interface DataChannelOptions {
  readonly sessionId: string;
  readonly clock: Clock;
  readonly after: After;
  readonly events: DataChannelEvents;
}

export interface DataChannel {
  /** The newest connection is the one that counts; what was not acknowledged goes out again. */
  attach(link: Link): void;
  /** Forgets a connection that is gone, if it is still the one. False: it is not. */
  detach(link: Link): boolean;
  receive(frame: Buffer): void;
  /** Resolves when there is room for more, so that what produces output waits for a slow client. */
  write(data: Uint8Array): Promise<void>;
  /** Stops the client from sending while its input cannot be taken. */
  hold(held: boolean): void;
  /** Waits until everything has arrived, or nothing arrives any more, then ends the session at the client; shows `output` there. */
  finish(output: string): Promise<void>;
  /** Waiting writes return at once from now on, and what comes after is dropped. */
  closeOutput(): void;
  /** Ends timers, and what `closeOutput` ends. */
  destroy(): void;
}

/** Bytes of output in one message at most. */
export const largestPayload = 4096;
/** Unacknowledged output bytes above which writes wait. */
const window = 1 << 20;
/**
 * The same while the client is held: its acknowledgements are stuck behind the input that nobody takes, and a program
 * that must write before it reads on would never go on.
 */
const heldWindow = 16 << 20;
/** Milliseconds. */
const repeatInterval = 100;
const repeatAfter = 200;
/** Repetitions after which a message counts as delivered when later ones are. Its acknowledgement was lost. */
const mostRepeats = 20;
const handshakePatience = 15_000;
/** How long a size is waited for after the handshake. */
const sizePatience = 500;
/** Without an acknowledgement, at the end: terminals may be slow, and what they have not read yet is not lost on them. */
const finishPatience = 15_000;
/** Input messages that may come before one that is missing. */
const mostEarly = 1000;
const agentVersion = '3.3.0.0';

interface Unacknowledged {
  readonly frame: Buffer;
  readonly bytes: number;
  sentAt: number;
  repeats: number;
}

export function createDataChannel({ sessionId, clock, after, events }: DataChannelOptions): DataChannel {
  let link: Link | undefined;
  let held = false;
  let outputClosed = false;
  let destroyed = false;
  /** Newest acknowledged output, and when the last acknowledgement came. */
  let acknowledged = -1;
  let acknowledgedAt = 0;
  let outgoing = 0;
  let expected = 0;
  let bytesUnacknowledged = 0;
  const unacknowledged = new Map<number, Unacknowledged>();
  const early = new Map<number, AgentMessage>();
  const waiting: (() => void)[] = [];
  let phase: 'new' | 'handshake' | 'complete' | 'ready' | 'closed' = 'new';
  let startedAt = 0;
  let cancelPhase = () => {};
  let cancelRepeat: (() => void) | undefined;

  function send(type: number, payload: Buffer): void {
    const sequence = outgoing;
    outgoing += 1;
    const frame = streamMessage('output_stream_data', sequence, { payloadType: type, payload }, clock());
    unacknowledged.set(sequence, { frame, bytes: payload.length, sentAt: clock(), repeats: 0 });
    bytesUnacknowledged += payload.length;
    link?.send(frame);
    scheduleRepeat();
  }

  function scheduleRepeat(): void {
    if (cancelRepeat || destroyed || !link || unacknowledged.size === 0) return;
    cancelRepeat = after(repeatInterval, () => {
      cancelRepeat = undefined;
      repeatOldest();
      scheduleRepeat();
    });
  }

  function repeatOldest(): void {
    const [oldest] = unacknowledged;
    if (!oldest || !link || held) return;
    const [sequence, message] = oldest;
    if (message.repeats >= mostRepeats && acknowledged > sequence) {
      forget(sequence);
      return;
    }
    if (clock() - message.sentAt < repeatAfter) return;
    message.repeats += 1;
    message.sentAt = clock();
    link.send(message.frame);
  }

  function forget(sequence: number): void {
    const message = unacknowledged.get(sequence);
    if (!message) return;
    unacknowledged.delete(sequence);
    bytesUnacknowledged -= message.bytes;
    acknowledged = Math.max(acknowledged, sequence);
    acknowledgedAt = clock();
    admit();
  }

  const hasRoom = () => bytesUnacknowledged < (held ? heldWindow : window);

  function admit(): void {
    while (waiting.length > 0 && (outputClosed || hasRoom())) waiting.shift()?.();
  }

  function enter(next: typeof phase): void {
    phase = next;
    cancelPhase();
    cancelPhase = () => {};
  }

  function shakeHands(): void {
    enter('handshake');
    startedAt = clock();
    const action = {
      ActionType: 'SessionType',
      ActionParameters: { SessionType: 'InteractiveCommands', Properties: null },
    };
    const request = { AgentVersion: agentVersion, RequestedClientActions: [action] };
    send(payloadType.handshakeRequest, Buffer.from(JSON.stringify(request)));
    cancelPhase = after(handshakePatience, () => events.failed('The client did not answer the handshake.'));
  }

  function completeHandshake(): void {
    enter('complete');
    const complete = { HandshakeTimeToComplete: (clock() - startedAt) * 1_000_000, CustomerMessage: '' };
    send(payloadType.handshakeComplete, Buffer.from(JSON.stringify(complete)));
    cancelPhase = after(sizePatience, () => becomeReady(undefined));
  }

  function becomeReady(size: TerminalSize | undefined): void {
    enter('ready');
    events.ready(size);
  }

  function process(message: AgentMessage): void {
    const { payload } = message;
    if (message.payloadType === payloadType.handshakeResponse) {
      if (phase === 'handshake') completeHandshake();
    } else if (message.payloadType === payloadType.size) {
      const size = sizeOf(payload);
      if (!size) return;
      if (phase === 'ready') events.resized(size);
      // A client that shakes no hands tells its size as well.
      else if (phase !== 'closed') becomeReady(size);
    } else if (message.payloadType === payloadType.output) {
      if (phase === 'handshake' || phase === 'complete') becomeReady(undefined);
      if (payload.length > 0 && phase === 'ready') events.input(payload);
    } else if (message.payloadType === payloadType.flag) {
      if (payload.length === 4 && payload.readUInt32BE() === flag.terminateSession) events.terminated();
    }
  }

  function takeInput(message: AgentMessage): void {
    const { sequenceNumber } = message;
    if (sequenceNumber > expected) {
      if (early.size >= mostEarly && !early.has(sequenceNumber)) return; // unacknowledged, so it comes again
      early.set(sequenceNumber, message);
    }
    let next = sequenceNumber === expected ? message : undefined;
    while (next) {
      expected += 1;
      process(next);
      next = early.get(expected);
      early.delete(expected);
    }
    // After the key itself: its echo is what somebody waits for.
    link?.send(acknowledgement(message, clock()));
  }

  return {
    attach(newest) {
      const before = link;
      link = newest;
      before?.close();
      if (phase === 'new') {
        shakeHands();
        return;
      }
      if (held) newest.pause();
      for (const message of unacknowledged.values()) {
        message.sentAt = clock();
        newest.send(message.frame);
      }
      scheduleRepeat();
    },

    detach(gone) {
      if (link !== gone) return false;
      link = undefined;
      return true;
    },

    receive(frame) {
      const message = decodeMessage(frame);
      if (!message || destroyed) return;
      if (message.messageType === 'input_stream_data') takeInput(message);
      else {
        const sequence = acknowledgedSequence(message);
        if (sequence !== undefined) forget(sequence);
      }
    },

    async write(data) {
      for (let from = 0; from < data.length; from += largestPayload) {
        if (!hasRoom() && !outputClosed) await new Promise<void>((resolve) => waiting.push(resolve));
        if (outputClosed) return;
        send(payloadType.output, Buffer.from(data.subarray(from, from + largestPayload)));
      }
    },

    hold(hold) {
      if (hold === held) return;
      held = hold;
      if (hold) link?.pause();
      else link?.resume();
      admit();
    },

    async finish(output) {
      if (phase === 'closed') return;
      const since = clock();
      const isLate = () => clock() - Math.max(since, acknowledgedAt) > finishPatience;
      while (unacknowledged.size > 0 && link && !isLate() && !destroyed)
        await new Promise<void>((resolve) => after(10, resolve));
      enter('closed');
      link?.send(channelClosed(sessionId, output, clock()));
      link?.close();
    },

    closeOutput() {
      outputClosed = true;
      admit();
    },

    destroy() {
      destroyed = true;
      this.closeOutput();
      cancelPhase();
      cancelRepeat?.();
    },
  };
}

function sizeOf(payload: Buffer): TerminalSize | undefined {
  const { cols, rows } = readJson(payload) ?? {};
  const valid = (value: unknown): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
  return valid(cols) && valid(rows) ? { columns: cols, rows } : undefined;
}
