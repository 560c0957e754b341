/** A guest that has been taken over: whatever it sends, the worker neither crashes, nor grows, nor is kept busy. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Agent, greetAgent } from '../../runtime/microvm/agent.ts';
import { stateOf } from '../../runtime/microvm/crun.ts';
import { outputOf, readOutput } from '../../runtime/microvm/logs.ts';
import { createDecoder, encodeRequest, maxPayload, ProtocolError } from '../../runtime/microvm/protocol.ts';
import { socketPair } from './socket-pair.ts';

const nonce = Buffer.from('a nonce of twenty-four b');
const hello = encodeRequest(1, ['ok', nonce]);

/** What comes back; undefined: a ProtocolError. Anything else that is thrown is the test's failure. */
function guarded<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return undefined;
  }
}

describe('the decoder', () => {
  /** A frame with any numbers where its own belong, and more or less behind it. */
  const frame = fc
    .record({
      magic: fc.oneof(fc.constant(0x4d56534c), fc.nat(0xffffffff)),
      size: fc.oneof(fc.nat(64), fc.nat(maxPayload + 10), fc.constantFrom(0x7fffffff, 0xffffffff)),
      word: fc.oneof(fc.nat(64), fc.constantFrom(0x7fffffff, 0xfffffffb, 0xffffffff)),
      rest: fc.uint8Array({ maxLength: 200 }),
    })
    .map(({ magic, size, word, rest }) => {
      const head = Buffer.alloc(16);
      for (const [index, value] of [magic, size, 2, word].entries()) head.writeUInt32LE(value, index * 4);
      return Buffer.concat([head, rest]);
    });

  it('takes any lengths, in pieces of any size, as an error at the most', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 4 }), fc.array(fc.integer({ min: 1, max: 50 })), (frames, cuts) => {
        const decoder = createDecoder(nonce);
        decoder.push(hello);
        const bytes = Buffer.concat(frames);
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          const part = bytes.subarray(at, at + cut);
          const answers = guarded(() => decoder.push(part));
          if (!answers) return;
          for (const { words } of answers) expect(words.length).toBeGreaterThan(0);
          at += cut;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps no more than a frame of what has no end', () => {
    const decoder = createDecoder(nonce);
    decoder.push(hello);
    const head = Buffer.from(hello.subarray(0, 12));
    head.writeUInt32LE(maxPayload, 4);
    decoder.push(head);
    // The first that is whole is wrong, as zeros at its end are no end.
    const pieces = () => {
      for (let sent = 0; sent <= maxPayload; sent += 1024) decoder.push(Buffer.alloc(1024));
    };
    expect(pieces).toThrow(ProtocolError);
  });

  it('gives nothing that came before the nonce, and waits for it no longer than it says', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (parts) => {
        const decoder = createDecoder(nonce, 2000);
        for (const part of parts) {
          const answers = guarded(() => decoder.push(Buffer.from(part)));
          if (!answers) return;
          expect(answers).toEqual([]);
        }
      }),
    );
  });
});

describe('what an answer is taken for', () => {
  const word = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom('running', 'exited', '-1', '1e9', '0x10', ' 1', 'NaN', '99999999999999999999', '').map(Buffer.from),
    fc.nat().map((number) => Buffer.from(String(number))),
  );

  it('is a process with valid numbers, or an error', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        const state = guarded(() => stateOf(words));
        if (!state) return;
        expect(state.code).toBeLessThan(256);
        for (const time of [state.startedAt, state.finishedAt]) expect(new Date(time).getTime()).not.toBeNaN();
      }),
      { numRuns: 500 },
    );
    const exited = ['exited', '7', '1', '0', '2'].map((text) => Buffer.from(text));
    expect(stateOf(exited)).toEqual({ state: 'exited', pid: 7, startedAt: 0.001, code: 0, finishedAt: 0.002 });
  });

  it('is output that goes on, with valid times, or an error', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 2 }), fc.uint8Array({ maxLength: 200 }), fc.nat(), (head, data, from) => {
        const output = guarded(() => outputOf([...head, Buffer.from(data)], from));
        if (!output) return;
        expect(output.next).toBeGreaterThanOrEqual(from);
        for (const { at } of output.records) expect(new Date(at).getTime()).not.toBeNaN();
      }),
      { numRuns: 500 },
    );
    const late = Buffer.concat([Buffer.from([1]), Buffer.alloc(8, 255), Buffer.alloc(4)]);
    expect(() => outputOf([Buffer.from('0'), Buffer.from(''), late], 0)).toThrow(ProtocolError);
  });
});

describe('the conversation', () => {
  it.each([
    ['an answer to nothing', encodeRequest(77, ['ok'])],
    ['the same answer twice', Buffer.concat([encodeRequest(2, ['ok']), encodeRequest(2, ['ok'])])],
    ['the greeting again', encodeRequest(1, ['ok', 'x'])],
  ])('ends with %s', async (_, bytes) => {
    const { agent, guest } = await conversation();
    agent.call('wait').catch(() => {});
    guest.write(bytes);
    expect(await agent.closed).toBeInstanceOf(ProtocolError);
  });

  it('ends with an answer that means nothing, and everybody who waits hears of it', async () => {
    const { agent, guest } = await conversation();
    const other = agent.call('wait');
    const asked = agent.ask(stateOf, 'state', 'x');
    guest.write(encodeRequest(3, ['ok', 'running', 'many', '0', '0', '0']));
    await expect(asked).rejects.toMatchObject({ kind: 'engine' });
    await expect(other).rejects.toMatchObject({ kind: 'engine' });
    expect(await agent.closed).toBeInstanceOf(ProtocolError);
  });

  it('asks once only for output of which there is none', async () => {
    const { agent, guest } = await conversation();
    let asked = 0;
    guest.on('data', () => {
      asked += 1;
      guest.write(encodeRequest(asked + 1, ['ok', '0', '', '']));
    });
    for await (const _ of readOutput(agent, 'x')) expect.fail('there is no output');
    expect(asked).toBe(1);
  });

  it('is over, and nothing else, whatever comes', async () => {
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.nat(6), fc.array(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 4 }))
        .map(([id, words]) => encodeRequest(id, words)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { minLength: 1, maxLength: 8 }), async (chunks) => {
        const { agent, guest } = await conversation();
        const asked = [agent.call('wait'), agent.ask(stateOf, 'wait', 'x'), agent.call('list')];
        for (const part of chunks) guest.write(part);
        guest.end();
        for (const outcome of await Promise.allSettled(asked))
          if (outcome.status === 'rejected') expect(['DriverError', 'AgentError']).toContain(outcome.reason.name);
        await agent.closed;
      }),
      { numRuns: 100 },
    );
  });
});

/** A host that has been greeted, and the guest's end of its socket. */
async function conversation(): Promise<{ readonly agent: Agent; readonly guest: Socket }> {
  const { host, guest } = await socketPair();
  const greeted = greetAgent(host, 5000);
  let sent = Buffer.alloc(0);
  // Zeros first, then one request: hello and 24 bytes.
  const found = () => sent.indexOf('hello');
  while (found() < 0 || sent.length < found() + 6 + 4 + 24 + 1 + 4) {
    const [part] = (await once(guest, 'data')) as [Buffer];
    sent = Buffer.concat([sent, part]);
  }
  const at = found() + 10;
  guest.write(encodeRequest(1, ['ok', sent.subarray(at, at + 24)]));
  return { agent: await greeted, guest };
}
