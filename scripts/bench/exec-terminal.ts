/** Two ways to a terminal in a container: the docker CLI on a terminal of its own, and a session of ECS Exec. */
import { spawn } from 'node:child_process';
import type { Session } from '@aws-sdk/client-ecs';
import { WebSocket } from 'ws';
import { acknowledgement, decodeMessage, payloadType, streamMessage } from '../../core/exec/agent-message.ts';
import { Failure } from '../failure.ts';
import { findProgram } from '../programs.ts';

export interface Terminal {
  /** Types a key; resolves with the milliseconds that its echo took. */
  echo(): Promise<number>;
  close(): void;
}

/** Milliseconds without an echo after which the measurement is given up. */
const patience = 30_000;

/** @throws Failure that says what is missing */
export async function dockerTerminal(container: string): Promise<Terminal> {
  if (findProgram('script') === undefined) throw new Failure('The exec benchmark needs script (Debian: bsdutils).');
  const child = spawn('script', ['-qfc', `docker exec -it ${container} /bin/sh`, '/dev/null'], { stdio: 'pipe' });
  const echoes = createEchoes((key) => void child.stdin.write(key));
  child.stdout.on('data', echoes.output);
  await echoes.prompt;
  return { echo: echoes.echo, close: () => void child.stdin.end('\nexit\n') };
}

/** As little of a client as a measurement needs: it repeats nothing, because nothing is lost here. */
export async function sessionTerminal(ask: () => Promise<Session>): Promise<Terminal> {
  const session = await ask();
  const socket = new WebSocket(session.streamUrl ?? '', { perMessageDeflate: false });
  let sent = 0;
  let expected = 0;
  const send = (type: number, text: string) => {
    const content = { payloadType: type, payload: Buffer.from(text) };
    socket.send(streamMessage('input_stream_data', sent, content, Date.now()));
    sent += 1;
  };
  const echoes = createEchoes((key) => send(payloadType.output, key));
  socket.on('open', () => socket.send(JSON.stringify({ MessageSchemaVersion: '1.0', TokenValue: session.tokenValue })));
  socket.on('message', (data) => {
    const message = decodeMessage(data as Buffer);
    if (message?.messageType !== 'output_stream_data') return;
    socket.send(acknowledgement(message, Date.now()));
    if (message.sequenceNumber !== expected) return;
    expected += 1;
    if (message.payloadType === payloadType.handshakeRequest) send(payloadType.handshakeResponse, '{}');
    else if (message.payloadType === payloadType.handshakeComplete) send(payloadType.size, '{"cols":80,"rows":24}');
    else echoes.output(message.payload);
  });
  await echoes.prompt;
  return { echo: echoes.echo, close: () => socket.terminate() };
}

/** Keys that are typed before the line is cleared; shells take no line of any length. */
const lineLength = 50;
/** Milliseconds that a shell gets to clear its line. */
const clearing = 100;

/** Keys are letters in turn, so that none is taken for the echo of the one before. */
function createEchoes(type: (key: string) => void) {
  let tellPrompt = () => {};
  const prompt = new Promise<void>((resolve) => {
    tellPrompt = resolve;
  });
  let awaited: { readonly key: string; readonly told: () => void } | undefined;
  let count = 0;
  let seen = '';
  async function newLine(): Promise<void> {
    type('\x15');
    await new Promise((resolve) => setTimeout(resolve, clearing));
  }
  return {
    prompt,
    output(data: Buffer): void {
      const text = data.toString();
      seen = (seen + text).slice(-20);
      if (seen.includes('# ')) tellPrompt();
      if (awaited && text.includes(awaited.key)) awaited.told();
    },
    async echo(): Promise<number> {
      const key = String.fromCharCode(97 + (count % 26));
      count += 1;
      if (count % lineLength === 0) await newLine();
      const began = performance.now();
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`No echo within ${patience / 1000} seconds.`)), patience);
        awaited = {
          key,
          told: () => {
            clearTimeout(late);
            awaited = undefined;
            resolve();
          },
        };
        type(key);
      });
      return performance.now() - began;
    },
  };
}
