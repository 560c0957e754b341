/** Parts of the driver for virtual machines by themselves: above all, what a guest may send. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AgentError, greetAgent } from '../../runtime/microvm/agent.ts';
import { cpioOf } from '../../runtime/microvm/cpio.ts';
import { inKnownWords } from '../../runtime/microvm/crun.ts';
import { imageOf } from '../../runtime/microvm/image.ts';
import { decompressLz4Legacy } from '../../runtime/microvm/lz4.ts';
import { killProcessesOf, machineName, processesOf } from '../../runtime/microvm/processes.ts';
import { createDecoder, encodeRequest, maxPayload, ProtocolError } from '../../runtime/microvm/protocol.ts';
import { openQmp } from '../../runtime/microvm/qmp.ts';
import { sizeFor } from '../../runtime/microvm/sandbox.ts';
import { signalNumber } from '../../runtime/microvm/signals.ts';
import { argumentsOf, capabilitiesOf, specOf } from '../../runtime/microvm/spec.ts';
import { resolveUser } from '../../runtime/microvm/users.ts';
import { socketPair } from './socket-pair.ts';
import { plainContainer } from './suite-tools.ts';

const nonce = Buffer.from('a nonce of twenty-four b');
const hello = encodeRequest(1, ['ok', nonce]);

/** Feeds bytes cut into pieces. */
function feed(bytes: Buffer, cuts: readonly number[]) {
  const decoder = createDecoder(nonce);
  const answers = [];
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    answers.push(...decoder.push(bytes.subarray(at, at + cut)));
    at += cut;
  }
  return answers;
}

describe('what an agent sends', () => {
  const words = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 });

  it('is understood however it is cut, after whatever was meant for an earlier host', () => {
    fc.assert(
      fc.property(
        fc.array(words, { maxLength: 5 }),
        fc.uint8Array({ maxLength: 500 }),
        fc.array(fc.nat(200), { maxLength: 20 }),
        (frames, before, cuts) => {
          const sent = frames.map((frame, index) => encodeRequest(index + 2, frame));
          const answers = feed(Buffer.concat([before, hello, ...sent]), cuts);
          expect(answers.slice(1).map(({ id, words }) => [id, words.map((word) => [...word])])).toEqual(
            frames.map((frame, index) => [index + 2, frame.map((word) => [...word])]),
          );
        },
      ),
    );
  });

  it('is an error when no agent of ours would send it, and never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(60), fc.nat(255), (garbage, at, byte) => {
        const decoder = createDecoder(nonce);
        decoder.push(hello);
        const frame = Buffer.from(encodeRequest(2, ['ok', 'some words', 'more']));
        frame[at % frame.length] = byte;
        for (const bytes of [frame, Buffer.from(garbage)])
          try {
            decoder.push(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
      }),
    );
  });

  it('is not waited for when it is longer than any answer', () => {
    const decoder = createDecoder(nonce);
    decoder.push(hello);
    const header = Buffer.from(hello.subarray(0, 12));
    header.writeUInt32LE(maxPayload + 1, 4);
    expect(() => decoder.push(header)).toThrow(ProtocolError);
  });

  it('is given up when the nonce never comes', () => {
    const decoder = createDecoder(nonce, 1000);
    expect(() => {
      for (let count = 0; count < 5; count += 1) decoder.push(Buffer.alloc(300, 1));
    }).toThrow(ProtocolError);
  });
});

it('a request that would not fit is refused before it is sent', () => {
  expect(() => encodeRequest(1, ['write', Buffer.alloc(maxPayload)])).toThrow(RangeError);
});

describe('the conversation with an agent', () => {
  /** Plays an agent: answers hello, then what `answer` says. */
  const play = (guest: Socket, answer: (words: readonly string[], id: number) => Buffer | undefined) => {
    let bytes = Buffer.alloc(0);
    guest.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (
        let start = bytes.findIndex((byte) => byte !== 0);
        start >= 0;
        start = bytes.findIndex((byte) => byte !== 0)
      ) {
        bytes = bytes.subarray(start);
        if (bytes.length < 12 || bytes.length < 16 + bytes.readUInt32LE(4)) return;
        const size = bytes.readUInt32LE(4);
        const words: Buffer[] = [];
        for (let at = 12; at < 12 + size; at += 5 + bytes.readUInt32LE(at))
          words.push(Buffer.from(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at))));
        const id = bytes.readUInt32LE(8);
        bytes = bytes.subarray(16 + size);
        const reply =
          words[0]?.toString() === 'hello' ? encodeRequest(id, ['ok', words[1] ?? '']) : answer(words.map(String), id);
        if (reply) guest.write(reply);
      }
    });
  };

  it('brings answers to their questions, in whatever order they come', async () => {
    const { host, guest } = await socketPair();
    const held: (() => void)[] = [];
    play(guest, ([verb = '', word = ''], id) => {
      if (verb === 'fail') return encodeRequest(id, ['error', '2', 'path', 'No such file']);
      held.push(() => guest.write(encodeRequest(id, ['ok', word])));
      if (held.length === 2) for (const release of held.reverse()) release();
      return undefined;
    });
    const agent = await greetAgent(host, 5000);
    const [one, two] = await Promise.all([agent.call('echo', 'one'), agent.call('echo', 'two')]);
    expect([String(one[0]), String(two[0])]).toEqual(['one', 'two']);
    await expect(agent.call('fail')).rejects.toMatchObject({ name: AgentError.name, errno: 2 });
    agent.close();
  });

  it('ends for everybody who waits when the guest sends garbage', async () => {
    const { host, guest } = await socketPair();
    play(guest, () => Buffer.from('garbage that is no frame'));
    const agent = await greetAgent(host, 5000);
    const waiting = [agent.call('wait'), agent.call('wait')];
    for (const each of waiting) await expect(each).rejects.toMatchObject({ kind: 'engine' });
    expect(await agent.closed).toBeInstanceOf(ProtocolError);
    await expect(agent.call('wait')).rejects.toMatchObject({ kind: 'engine' });
  });

  it('is given up when nobody answers', async () => {
    const { host } = await socketPair();
    await expect(greetAgent(host, 50)).rejects.toMatchObject({ kind: 'engine' });
  });
});

it('a monitor that says something else than QMP is let go', async () => {
  for (const words of ['}{\n', 'x'.repeat(2 ** 20 + 1)]) {
    const { host, guest } = await socketPair();
    guest.write(words);
    await expect(openQmp(host)).rejects.toMatchObject({ kind: 'engine' });
  }
});

it('a monitor that does not answer is given up', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { host, guest: monitor } = await socketPair();
  monitor.once('data', () => monitor.write('{"return": {}}\n'));
  const qmp = await openQmp(host);
  const asked = qmp.run('query-status').catch((error: unknown) => error);
  vi.advanceTimersByTime(31_000);
  expect(await asked).toMatchObject({ kind: 'engine' });
});

it('processes are found by the name of their machine, not by their user', async () => {
  const name = machineName('test', `10.0.0.${process.pid}`);
  const start = (word: string) => spawn('sleep', ['1000'], { argv0: word, stdio: 'ignore' });
  const [one, other] = [start(name), start(`${name}0`)];
  onTestFinished(() => void other.kill());
  const ended = once(one, 'exit');
  await vi.waitUntil(async () => (await processesOf(name)).includes(one.pid ?? 0), { timeout: 30_000 });
  await killProcessesOf(name);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(await processesOf(`${name}0`)).toEqual([other.pid]);
});

it('archives for the kernel are read by cpio', ({ skip }) => {
  const archive = cpioOf([
    { path: 'bin', mode: 0o755, content: { kind: 'folder' } },
    { path: 'bin/a', mode: 0o755, content: { kind: 'file', data: Buffer.from('x'.repeat(701)) } },
    { path: 'bin/b', mode: 0o777, content: { kind: 'link', target: '/bin/a' } },
    { path: 'dev', mode: 0o755, content: { kind: 'folder' } },
    { path: 'dev/console', mode: 0o600, content: { kind: 'device', major: 5, minor: 1 } },
  ]);
  let listed = '';
  try {
    listed = execFileSync('busybox', ['cpio', '-tv'], { input: archive, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    if (/applet not found|ENOENT/.test(String(error))) skip('there is no cpio');
    throw error;
  }
  expect(listed).toMatch(/^drwxr-xr-x .* bin$/m);
  expect(listed).toMatch(/^-rwxr-xr-x .* 701 .* bin\/a$/m);
  expect(listed).toMatch(/bin\/b -> \/bin\/a$/m);
  expect(listed).toMatch(/^crw------- .* dev\/console$/m);
});

describe('a packed kernel', () => {
  /** "abcabcabc…" as a block of three literals and a copy of them, then literals to end with. */
  const block = Buffer.from([0x3f, 0x61, 0x62, 0x63, 3, 0, 0x0b, 0x50, ...Buffer.from('xyz12')]);
  const legacy = (size: number) => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(0x184c2102, 0);
    head.writeUInt32LE(size, 4);
    return head;
  };
  it('is unpacked, copies that overlap themselves included', () => {
    const text = decompressLz4Legacy(Buffer.concat([legacy(block.length), block])).toString();
    expect(text).toBe(`${'abc'.repeat(11)}xyz12`);
  });
  it('is refused when it is broken', () => {
    expect(() => decompressLz4Legacy(Buffer.concat([legacy(block.length + 1), block]))).toThrow(/cut off/);
    const astray = Buffer.from(block);
    astray[4] = 99;
    expect(() => decompressLz4Legacy(Buffer.concat([legacy(astray.length), astray]))).toThrow(/broken/);
  });
});

describe('users', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1001::/home/w:/bin/sh\nbroken\n';
  const group = 'root:x:0:\nteam:x:50:worker,other\nother:x:60:other\n';
  it.each([
    ['', { uid: 0, gid: 0, additionalGids: [], home: '/root' }],
    ['worker', { uid: 1000, gid: 1001, additionalGids: [50], home: '/home/w' }],
    ['1000', { uid: 1000, gid: 1001, additionalGids: [50], home: '/home/w' }],
    ['worker:other', { uid: 1000, gid: 60, additionalGids: [], home: '/home/w' }],
    ['77:88', { uid: 77, gid: 88, additionalGids: [], home: '/' }],
  ])('%j', (wanted, expected) => {
    expect(resolveUser(wanted, passwd, group)).toEqual(expected);
  });
  it.each(['nobody', 'worker:nowhere', '-1', '99999999999'])('%s is nobody', (wanted) => {
    expect(() => resolveUser(wanted, passwd, group)).toThrow(/unable to find/);
  });
});

describe('a container', () => {
  const image = imageOf('sha256:ab', { Entrypoint: ['/entry'], Cmd: ['one'], Env: ['A=image', 'B=image'] });
  const config = {
    sandboxId: 's',
    name: 'c',
    image: 'sha256:ab',
    environment: { A: 'own' },
    limits: { memory: 2 ** 26, cpus: 0.25 },
    ulimits: [],
    capabilities: { add: ['SYS_PTRACE'], drop: ['NET_RAW'] },
    labels: {},
  };

  it.each([
    [{}, ['/entry', 'one']],
    [{ command: ['two'] }, ['/entry', 'two']],
    [{ entrypoint: ['/own'] }, ['/own']],
    [{ entrypoint: ['/own'], command: ['two'] }, ['/own', 'two']],
    [{ entrypoint: [], command: ['two'] }, ['two']],
  ])('runs what the configuration %j and the image say together', (own, expected) => {
    expect(argumentsOf({ ...config, ...own }, image)).toEqual(expected);
  });

  it('has the capabilities that were asked for', () => {
    expect(capabilitiesOf(config.capabilities)).toContain('CAP_SYS_PTRACE');
    expect(capabilitiesOf(config.capabilities)).not.toContain('CAP_NET_RAW');
    expect(capabilitiesOf({ add: ['CHOWN'], drop: ['ALL'] })).toEqual(['CAP_CHOWN']);
  });

  it('has no network namespace of its own, and its limits', () => {
    const spec = specOf(config, {
      image,
      user: { uid: 0, gid: 0, additionalGids: [], home: '/root' },
      hostname: 'h',
      paths: { bundle: '/b', rootfs: '/r', cgroup: '/task/c' },
      mounts: [],
    }) as {
      readonly linux: {
        readonly namespaces: readonly { readonly type: string }[];
        readonly resources: { readonly memory: unknown; readonly cpu: unknown };
      };
      readonly process: { readonly env: readonly string[] };
    };
    expect(spec.linux.namespaces.map(({ type }) => type)).not.toContain('network');
    expect(spec.linux.resources).toMatchObject({
      memory: { limit: 2 ** 26, swap: 2 ** 26 },
      cpu: { quota: 25_000, period: 100_000 },
    });
    expect(spec.process.env).toEqual(expect.arrayContaining(['A=own', 'B=image', 'HOME=/root', 'HOSTNAME=h']));
  });
});

it('mounts that lie in others come after them, and the files of its network last', () => {
  const image = imageOf('sha256:ab', {});
  const volume = (path: string) => ({ source: `/v${path}`, path, readOnly: false });
  const config = {
    ...plainContainer('s', 'c', 'sha256:ab'),
    memoryMounts: [{ path: '/data/sub/memory', size: 1, options: [] }],
  };
  const spec = specOf(config, {
    image,
    user: { uid: 0, gid: 0, additionalGids: [], home: '/root' },
    hostname: 'h',
    paths: { bundle: '/b', rootfs: '/r', cgroup: '/task/c' },
    mounts: ['/data/sub', '/data', '/etc', '/etc/hostname'].map(volume),
  }) as { readonly mounts: readonly { readonly destination: string; readonly source: string }[] };
  const order = spec.mounts.map(({ destination }) => destination).filter((path) => /^.(data|etc)/.test(path));
  expect(order).toEqual([
    ...['/data', '/etc', '/data/sub', '/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/data/sub/memory'],
  ]);
  expect(spec.mounts.find(({ destination }) => destination === '/etc/hostname')?.source).toBe('/v/etc/hostname');
});

it.each([
  ['executable file `/nope` not found in $PATH', 'exec: "/nope": stat /nope: no such file or directory'],
  ['executable file `nope` not found in $PATH', 'exec: "nope": executable file not found in $PATH'],
  ['something else', 'something else'],
])('%s is told as Fargate tells it', (words, known) => {
  expect(inKnownWords(words)).toBe(known);
});

it('sizes come in steps, and hold what was asked for', () => {
  const MiB = 2 ** 20;
  expect(sizeFor({ cpus: 0.25, memory: 512 * MiB })).toEqual(sizeFor({ cpus: 1, memory: 300 * MiB }));
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 122_880 }),
      fc.double({ min: 0.01, max: 16, noNaN: true }),
      (memory, cpus) => {
        const size = sizeFor({ cpus, memory: memory * MiB });
        expect(size.memory).toBeGreaterThan(memory + 128);
        expect(size.cpus).toBeGreaterThanOrEqual(cpus);
      },
    ),
  );
});

it.each([
  ['SIGTERM', 15],
  ['term', 15],
  ['SIGKILL', 9],
  ['3', 3],
  ['SIGRTMIN+3', 37],
  ['unheard-of', 15],
])('signal %s is %i', (name, number) => {
  expect(signalNumber(name)).toBe(number);
});
