/** From a container's output to its sink: once, in order, whatever fails on the way. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { decodeMultiStream, type ExtData, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ContainerHandle, LogChunk } from '../../runtime/driver.ts';
import { openCursor } from '../../worker/output/cursor.ts';
import { routerConfiguration, withRouter } from '../../worker/output/firelens.ts';
import { createForwardClient } from '../../worker/output/forward.ts';
import { startShipper } from '../../worker/output/shipper.ts';
import { PermanentError, type Sink, type SinkEvent } from '../../worker/output/sink.ts';
import { checkSplunkOptions, createSplunk } from '../../worker/output/splunk.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const handle: ContainerHandle = { sandboxId: 'task', name: 'app', id: '1' };
const log = pino({ level: 'silent' });

const steady = (index: number) => 1000 + Math.floor(index / 3);

/** A container that has written its lines and ended. */
function driverOf(lines: readonly string[], at = steady) {
  const chunks = lines.map(
    (line, index): LogChunk => ({
      stream: 'stdout',
      data: Buffer.from(`${line}\n`),
      at: at(index),
      position: String(index + 1),
    }),
  );
  return {
    async *logs(_: ContainerHandle, { after = '0' }: { readonly after?: string }) {
      yield* chunks.slice(Number(after));
    },
    pauseContainer: async () => {},
    resumeContainer: async () => {},
  };
}

interface Stored extends Sink {
  readonly stored: SinkEvent[];
}

/** @param fails tells what happens to a delivery: it is made, made without an answer, or not made */
function sinkOf(fails: (delivery: number) => 'no' | 'after' | 'before'): Stored {
  const stored: SinkEvent[] = [];
  let deliveries = 0;
  return {
    stored,
    batch: { events: 4, bytes: 1000, overhead: 26, span: 1e9 },
    longestMessage: 100,
    async deliver(events) {
      deliveries += 1;
      const failure = fails(deliveries);
      if (failure === 'before') throw new Error('no answer');
      stored.push(...events);
      if (failure === 'after') throw new Error('no answer');
    },
    countBetween: async (first, last) =>
      stored.filter(({ timestamp }) => timestamp >= first && timestamp <= last).length,
    close: () => {},
  };
}

interface ShipOptions {
  readonly closing?: AbortController;
  /** When each line was written. */
  readonly at?: (index: number) => number;
  readonly clock?: () => number;
}

function ship(
  lines: readonly string[],
  sink: Sink,
  folder: string,
  { closing = new AbortController(), at, clock = Date.now }: ShipOptions = {},
) {
  const shipper = startShipper({
    driver: driverOf(lines, at),
    handle,
    sink,
    cursor: openCursor(folder, 'task', 'app'),
    mode: 'blocking',
    buffered: { bytes: 0 },
    clock,
    closing: closing.signal,
    log,
  });
  shipper.finish();
  return shipper;
}

const lines = Array.from({ length: 23 }, (_, index) => `same ${index % 2}`);
const messages = (events: readonly SinkEvent[]) => events.map(({ message }) => message);

describe('output is delivered once', () => {
  it.each(['before', 'after'] as const)('when deliveries fail %s they are made', async (when) => {
    const sink = sinkOf((delivery) => (delivery % 2 === 1 ? when : 'no'));
    await ship(lines, sink, await temporaryDirectory()).done;
    expect(messages(sink.stored)).toEqual(lines);
    expect(sink.stored.map(({ timestamp }) => timestamp)).toEqual(
      lines.map((_, index) => 1000 + Math.floor(index / 3)),
    );
  });

  it.each([1, 2, 3, 4, 5, 6])('when the process dies in delivery %i, made or not', async (deadly) => {
    for (const made of [true, false]) {
      const folder = await temporaryDirectory();
      const closing = new AbortController();
      const sink = sinkOf((delivery) => {
        if (delivery !== deadly) return 'no';
        closing.abort();
        return made ? 'after' : 'before';
      });
      await ship(lines, sink, folder, { closing }).done;
      await ship(lines, sink, folder).done;
      expect(messages(sink.stored)).toEqual(lines);
    }
  });

  /** Refuses what CloudWatch Logs refuses: a delivery that is not in the order of time. */
  function strictSinkOf(fails: Parameters<typeof sinkOf>[0]): Stored {
    const sink = sinkOf(fails);
    return {
      ...sink,
      async deliver(events, signal) {
        const times = events.map(({ timestamp }) => timestamp);
        if (times.some((time, index) => time < (times[index - 1] ?? 0))) throw new PermanentError('not in order');
        await sink.deliver(events, signal);
      },
    };
  }

  const hour = 3_600_000;

  it('when the clock is set back and forth, and the process dies in a delivery, made or not', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.nat(2) },
      { weight: 1, arbitrary: fc.constantFrom(-hour, -30_000, -3, 2 * hour) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 25 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean()), { maxLength: 3 }),
        async (steps, deaths) => {
          let time = 10 * hour;
          const times = steps.map((by) => {
            time += by;
            return time;
          });
          const numbered = times.map((_, index) => `line ${index}`);
          const folder = await temporaryDirectory();
          let deadly: (typeof deaths)[number] | undefined;
          let closing = new AbortController();
          let count = 0;
          const sink = strictSinkOf(() => {
            count += 1;
            if (count !== deadly?.[0]) return 'no';
            closing.abort();
            return deadly[1] ? 'after' : 'before';
          });
          for (deadly of [...deaths, undefined]) {
            count = 0;
            closing = new AbortController();
            await ship(numbered, sink, folder, { closing, at: (index) => times[index] ?? 0, clock: () => time }).done;
          }
          expect(messages(sink.stored)).toEqual(numbered);
        },
      ),
      { numRuns: 25, examples: [[[0, 2, 1, -3, -hour, 0, 0, 0, 0, 0], [[2, false]]]] },
    );
  });

  it.each(['before', 'after'] as const)('when deliveries fail %s they are made, an hour back in time', async (when) => {
    const sink = strictSinkOf((delivery) => (delivery % 2 === 0 ? when : 'no'));
    const at = (index: number) => 10 * hour + index - (index >= 8 ? hour - 6 : 0) + (index >= 14 ? hour - 9 : 0);
    const numbered = lines.map((_, index) => `line ${index}`);
    await ship(numbered, sink, await temporaryDirectory(), { at, clock: () => 9 * hour }).done;
    expect(messages(sink.stored)).toEqual(numbered);
  });

  it('and a clock that is set back a little leaves events in the order in which they were written', async () => {
    const sink = strictSinkOf(() => 'no');
    const at = (index: number) => 1000 + index - (index >= 8 ? 5_000 : 0) - (index >= 16 ? hour : 0);
    await ship(lines, sink, await temporaryDirectory(), { at, clock: () => 0 }).done;
    const times = sink.stored.map(({ timestamp }) => timestamp);
    expect(times.slice(0, 16)).toEqual(lines.slice(0, 16).map((_, index) => 1000 + Math.min(index, 7)));
  });

  it('and what can never be delivered does not hold up the rest', async () => {
    const sink = sinkOf(() => 'no');
    const { deliver } = sink;
    let first = true;
    const refusing: Sink = {
      ...sink,
      async deliver(events, signal) {
        if (!first) return await deliver(events, signal);
        first = false;
        throw new PermanentError('refused');
      },
    };
    await ship(lines, refusing, await temporaryDirectory()).done;
    expect(messages(sink.stored)).toEqual(lines.slice(4));
  });
});

describe('Splunk', () => {
  it('gets events in the form that is asked for', async () => {
    const bodies: string[] = [];
    const server = createHttpServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        if (request.headers.authorization !== 'Splunk secret') response.writeHead(403);
        if (request.method === 'POST') bodies.push(body);
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { signal } = new AbortController();
    const events: SinkEvent[] = [{ timestamp: 1500, message: '{"a":1}', source: 'stderr' }];
    for (const format of ['inline', 'json', 'raw']) {
      const options = { 'splunk-url': url, 'splunk-token': 'secret', 'splunk-format': format, 'splunk-index': 'main' };
      checkSplunkOptions(options);
      const splunk = createSplunk(options, { host: 'task', tagValues: { ID: 'abc' } });
      await splunk.verify(signal);
      const sink = splunk.sink();
      await sink.deliver(events, signal);
      sink.close();
    }
    expect(bodies.map((body) => JSON.parse(body))).toEqual([
      { event: { line: '{"a":1}', source: 'stderr', tag: 'abc' }, time: '1.500000', host: 'task', index: 'main' },
      { event: { line: { a: 1 }, source: 'stderr', tag: 'abc' }, time: '1.500000', host: 'task', index: 'main' },
      { event: 'abc {"a":1}', time: '1.500000', host: 'task', index: 'main' },
    ]);
    const refused = createSplunk({ 'splunk-url': url, 'splunk-token': 'wrong' }, { host: '', tagValues: {} });
    await expect(refused.verify(signal)).rejects.toThrow('failed to verify connection - 403');
  });

  it('refuses options that it cannot honour', () => {
    expect(() => checkSplunkOptions({ 'splunk-url': 'x', 'splunk-token': 't' })).toThrow('scheme://host:port');
    expect(() => checkSplunkOptions({ 'splunk-url': 'http://x', 'splunk-token': 't', 'splunk-capath': '/ca' })).toThrow(
      'splunk-capath',
    );
  });
});

describe('a log router', () => {
  it('gets events over the forward protocol from who knows its key', async () => {
    const received: unknown[] = [];
    const server = createServer(
      (socket) => void serveForward(socket, 'the key', received).catch(() => socket.destroy()),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { signal } = new AbortController();
    const client = createForwardClient(() => ({ host: '127.0.0.1', port, sharedKey: 'the key' }));
    for (const message of ['one', 'two'])
      await client.send('app-firelens-1', [{ timestamp: 1500, record: { log: message, source: 'stdout' } }], signal);
    client.close();
    const time = [0, '000000011dcd6500'];
    expect(received).toEqual([
      ['app-firelens-1', [[time, { log: 'one', source: 'stdout' }]]],
      ['app-firelens-1', [[time, { log: 'two', source: 'stdout' }]]],
    ]);
    const stranger = createForwardClient(() => ({ host: '127.0.0.1', port, sharedKey: 'another' }));
    await expect(stranger.send('x', [], signal)).rejects.toThrow('refused');
    stranger.close();
  });

  const spec = {
    accountId: '000000000000',
    region: 'us-east-1',
    clusterName: 'c',
    taskId: '1',
    family: 'f',
    revision: 2,
  };

  it('has a configuration with inputs, filters, metadata and each container as an output', () => {
    const { path, text } = routerConfiguration(
      {
        name: 'router',
        firelensConfiguration: {
          type: 'fluentbit',
          options: { 'config-file-type': 'file', 'config-file-value': '/extra.conf' },
        },
      },
      [
        { name: 'app', options: { Name: 'stdout', Format: 'json', 'include-pattern': 'a\n[b]' } },
        { name: 'plain', options: {} },
      ],
      spec as never,
      'key',
    );
    expect(path).toBe('/fluent-bit/etc/fluent-bit.conf');
    expect(text).toBe(`[INPUT]
    Name forward
    Listen 127.0.0.1
    Port 24224

[INPUT]
    Name forward
    Listen 0.0.0.0
    Port 24225
    Shared_Key key
    Self_Hostname firelens

[FILTER]
    Name grep
    Match app-firelens*
    Regex log a [b]

[FILTER]
    Name record_modifier
    Match *
    Record ecs_cluster c
    Record ecs_task_arn arn:aws:ecs:us-east-1:000000000000:task/c/1
    Record ecs_task_definition f:2

@INCLUDE /extra.conf

[OUTPUT]
    Name stdout
    Match app-firelens*
    Format json
`);
  });

  it('starts before what it serves', () => {
    const [router, app] = withRouter([
      { name: 'router', firelensConfiguration: { type: 'fluentd' } },
      { name: 'app', logConfiguration: { logDriver: 'awsfirelens' } },
    ]);
    expect(router?.dependsOn).toBeUndefined();
    expect(app).toMatchObject({
      dependsOn: [{ containerName: 'router', condition: 'START' }],
      environment: [
        { name: 'FLUENT_HOST', value: '127.0.0.1' },
        { name: 'FLUENT_PORT', value: '24224' },
      ],
    });
  });
});

/** The router's side of the protocol. */
async function serveForward(socket: Socket, key: string, received: unknown[]): Promise<void> {
  const nonce = randomBytes(16);
  socket.on('error', () => {});
  socket.write(encode(['HELO', { nonce, auth: '', keepalive: true }]));
  const digest = (salt: Uint8Array, name: string) =>
    createHash('sha512').update(salt).update(name).update(nonce).update(key).digest('hex');
  let salt: Uint8Array | undefined;
  for await (const message of decodeMultiStream(socket)) {
    const parts = message as readonly [string, ...unknown[]];
    if (salt === undefined) {
      const [, name, given, proof] = parts as readonly [string, string, Uint8Array, string];
      salt = given;
      const right = proof === digest(given, name);
      socket.write(encode(['PONG', right, right ? '' : 'shared key mismatch', 'router', digest(given, 'router')]));
    } else {
      const [tag, entries, { chunk }] = parts as unknown as readonly [string, unknown, { readonly chunk: string }];
      const readable = (entries as readonly (readonly [ExtData, unknown])[]).map(([time, record]) => [
        [time.type, Buffer.from(time.data as Uint8Array).toString('hex')],
        record,
      ]);
      received.push([tag, readable]);
      socket.write(encode({ ack: chunk }));
    }
  }
}

describe('a container that writes faster than it is read', () => {
  it('is held until what it wrote before has been read, and no longer', async () => {
    let now = 10_000;
    const told: string[] = [];
    const chunk = (at: number, size: number, position: string): LogChunk => ({
      stream: 'stdout',
      data: Buffer.from(`${'x'.repeat(size)}\n`),
      at,
      position,
    });
    const driver = {
      async *logs(_: ContainerHandle, { after }: { readonly after?: string }) {
        if (after !== undefined) return;
        yield chunk(now, 10, '1');
        now += 1000;
        for (let index = 0; index < 30; index += 1) yield chunk(10_000 + index, 20_000, `${index + 2}`);
        yield chunk(10_500, 10, '40');
        told.push('old');
        yield chunk(10_950, 10, '41');
        told.push('caught up');
      },
      pauseContainer: async () => void told.push('held'),
      resumeContainer: async () => void told.push('goes on'),
    };
    const sink = {
      ...sinkOf(() => 'no'),
      longestMessage: 30_000,
      batch: { events: 9, bytes: 1e6, overhead: 26, span: 1e9 },
    };
    const shipper = startShipper({
      driver,
      handle,
      sink,
      cursor: openCursor(await temporaryDirectory(), 'task', 'app'),
      mode: 'blocking',
      buffered: { bytes: 0 },
      clock: () => now,
      closing: new AbortController().signal,
      log,
    });
    while (!told.includes('caught up')) await new Promise((resolve) => setTimeout(resolve, 5));
    shipper.finish();
    await shipper.done;
    expect(told).toEqual(['held', 'old', 'goes on', 'caught up']);
    expect(sink.stored).toHaveLength(33);
  });
});
