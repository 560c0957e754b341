/** Parts of the Docker driver that need no engine. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createAddresses, hostnameOf, macAddressOf } from '../../runtime/addresses.ts';
import { escapeUnit, sliceProperties } from '../../runtime/docker/cgroup-systemd.ts';
import { type CgroupTree, childrenOf, oomKillsOf, writeLimits } from '../../runtime/docker/cgroup-tree.ts';
import { shareOf } from '../../runtime/docker/container-limits.ts';
import { connectEngine, engineWords } from '../../runtime/docker/engine.ts';
import { pullErrorKind } from '../../runtime/docker/image-errors.ts';
import { parseReference, sameRepository } from '../../runtime/docker/image-reference.ts';
import { jsonLines } from '../../runtime/docker/json-lines.ts';
import { createLeases } from '../../runtime/docker/leases.ts';
import { demultiplex } from '../../runtime/docker/multiplexed.ts';
import { namesOf, withoutOurs } from '../../runtime/docker/names.ts';
import { pauseProgram } from '../../runtime/docker/pause-image.ts';
import { openShell, quoted } from '../../runtime/docker/shell.ts';
import { tarOf } from '../../runtime/docker/tar.ts';
import { vethOf } from '../../runtime/docker/veth.ts';
import { DriverError } from '../../runtime/driver.ts';
import { createPool } from '../../runtime/pool.ts';
import { readResolvers } from '../../runtime/resolvers.ts';

async function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
}

const MiB = 2 ** 20;

describe('addresses', () => {
  const range = { subnet: '10.9.8.0/29', gateway: '10.9.8.1' };

  it('of a range are its own, without those that have a meaning', () => {
    const addresses = createAddresses(range);
    expect(Array.from({ length: addresses.size }, () => addresses.take())).toEqual(
      [2, 3, 4, 5, 6].map((last) => `10.9.8.${last}`),
    );
    expect(() => addresses.take()).toThrow(DriverError);
    expect(['10.9.8.0', '10.9.8.1', '10.9.8.7', '10.9.9.2', '10.9.8.6'].map(addresses.contains)).toEqual([
      ...[false, false, false, false],
      true,
    ]);
  });

  it('that were given up rest until all others were given', () => {
    const addresses = createAddresses(range);
    addresses.hold('10.9.8.4');
    addresses.hold('10.1.1.1');
    expect(addresses.take()).toBe('10.9.8.5');
    addresses.release('10.9.8.5');
    expect([1, 2, 3, 4].map(() => addresses.take())).toEqual(['10.9.8.6', '10.9.8.2', '10.9.8.3', '10.9.8.5']);
  });

  it('have names', () => {
    expect(hostnameOf('10.213.0.5')).toBe('ip-10-213-0-5');
    expect(macAddressOf('10.213.0.5')).toBe('02:42:0a:d5:00:05');
    expect(vethOf('10.213.0.5')).toBe('longs-v0ad50005');
    expect(vethOf('255.255.255.255')).toHaveLength(15);
  });

  it('are looked up when none seems to be left', async () => {
    const inUse = new Set<string>();
    const leases = createLeases(range, async () => inUse);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const address = await leases.take(name);
      inUse.add(address);
      leases.settled(address);
    }
    await expect(leases.take('f')).rejects.toThrow(DriverError);
    inUse.delete('10.9.8.4');
    leases.rename('c', 'taken');
    expect(await leases.take('f')).toBe('10.9.8.4');
    expect([leases.of('taken'), leases.of('c'), leases.of('f')]).toEqual([undefined, undefined, '10.9.8.4']);
    // Its sandbox is not made yet, so nobody can know of it.
    await expect(leases.take('g')).rejects.toThrow(DriverError);
    leases.release('f');
    expect(await leases.take('g')).toBe('10.9.8.4');
  });
});

describe('name servers', () => {
  const resolversOf = async (files: { engine?: string; host?: string; systemd?: string }) => {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-resolvers-'));
    try {
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      const at = (name: string) => join(folder, name);
      return await readResolvers({ engine: at('engine'), host: at('host'), systemd: at('systemd') });
    } finally {
      await rm(folder, { recursive: true });
    }
  };

  it.each([
    [{ host: '# none\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nsearch a.test\n' }, ['10.0.0.2', '10.0.0.3']],
    [{ host: 'nameserver 127.0.0.53\noptions edns0\n', systemd: 'nameserver 192.168.1.1\n' }, ['192.168.1.1']],
    [{ host: 'nameserver 127.0.0.1\nnameserver ::1\nnameserver 10.0.0.2\n' }, ['10.0.0.2']],
    [{ host: 'nameserver 10.0.0.2\n', engine: '{"dns":["10.1.1.1"],"debug":true}' }, ['10.1.1.1']],
    [{ host: 'nameserver 10.0.0.2\n', engine: '{' }, ['10.0.0.2']],
    [{ host: 'nameserver 127.0.0.1\n' }, ['8.8.8.8', '8.8.4.4']],
    [{}, ['8.8.8.8', '8.8.4.4']],
  ])('of %j are %j', async (files, servers) => {
    expect(await resolversOf(files)).toEqual(servers);
  });
});

describe('the shell that is kept', () => {
  it('runs one script after the other, and tells what went wrong', async () => {
    const shell = openShell('twice() { echo "$1$1"; return "$2"; }');
    try {
      const results = await Promise.all([
        shell.run(`twice ${quoted("it's $HOME ")} 3`),
        shell.run('twice quiet 0'),
        shell.run('cat <<END\ninput\nEND\nfalse'),
        shell.run('no-such-program'),
        shell.run('exec 1>&-; kill -9 $$'),
        shell.run('twice again 1'),
        shell.run('exit 7'),
        shell.run('true'),
      ]);
      expect(results.slice(0, 3)).toEqual(["it's $HOME it's $HOME", undefined, 'input']);
      expect(results[3]).toContain('not found');
      expect(results.slice(4)).toEqual(['the shell ended', 'againagain', 'the shell ended', undefined]);
    } finally {
      shell.close();
    }
  });
});

it('requests to the engine do not look through its sockets', () => {
  const engine = connectEngine(undefined);
  const { agent } = engine.docker.modem as unknown as { readonly agent: object };
  expect(inspect(agent, { showHidden: true, depth: null })).toBe('Agent');
  engine.close();
});

describe('names', () => {
  it('of sandboxes from the pool and of taken ones are never mixed up', () => {
    const names = namesOf('me');
    expect(names.parse(`/${names.pooled('abc')}`).pooled).toBe(true);
    expect(names.parse(`/${names.sandbox('pool.abc')}`)).toEqual({ pooled: false, sandboxId: 'pool.abc' });
  });

  it('of owners that the engine would refuse are refused', () => {
    for (const owner of ['', '-a', 'a b', 'a/b', 'x'.repeat(61)]) expect(() => namesOf(owner)).toThrow(TypeError);
  });

  it('of our labels are taken out', () => {
    expect(withoutOurs({ longshore: 'x', 'longshore.role': 'y', longshoreman: 'mine' })).toEqual({
      longshoreman: 'mine',
    });
  });

  it('of slices have no two meanings', () => {
    expect(escapeUnit('a-b_c.d')).toBe('a_2db_5fc_2ed');
    expect(escapeUnit('a_2db')).not.toBe(escapeUnit('a-b'));
  });
});

it('systemd is told limits in its own units', () => {
  expect(sliceProperties({ cpus: 0.25, memory: 512 * MiB, pids: 100 }).slice(1)).toEqual([
    ['MemoryMax', 't', '536870912'],
    ['MemorySwapMax', 't', '0'],
    ['CPUQuotaPerSecUSec', 't', '250000'],
    ['TasksMax', 't', '100'],
  ]);
});

describe('a cgroup v2 tree', () => {
  it('is written from the root down', async () => {
    const root = await mkdtemp(join(tmpdir(), 'longshore-cgroup-'));
    try {
      const tree: CgroupTree = { version: 2, controllers: { cpu: root, memory: root, pids: root }, mounts: [root] };
      const levels = ['', 'longshore-me', 'longshore-me/task'].map((path) => join(root, path));
      // The kernel makes these files; here somebody has to.
      for (const level of levels) {
        await mkdir(level, { recursive: true });
        for (const file of [
          'cgroup.subtree_control',
          'memory.max',
          'memory.swap.max',
          'cpu.max',
          'cpu.weight',
          'pids.max',
        ])
          await writeFile(join(level, file), '');
      }
      await writeFile(join(root, 'longshore-me/task/memory.events'), 'low 0\noom 3\noom_kill 2\n');
      const read = (path: string) => readFile(join(root, path), 'utf8');
      // The kernel lets processes only into groups that hand nothing down.
      await writeLimits(tree, '/longshore-me/task', { pids: 10 }, 'processes');
      expect(await read('longshore-me/cgroup.subtree_control')).toBe('+cpu +memory +pids');
      expect(await read('longshore-me/task/cgroup.subtree_control')).toBe('');
      expect(await read('longshore-me/task/pids.max')).toBe('10');
      await writeLimits(tree, '/longshore-me/task', { cpus: 0.5, memory: 64 * MiB, pids: 20 });
      for (const level of ['', 'longshore-me/', 'longshore-me/task/'])
        expect(await read(`${level}cgroup.subtree_control`)).toBe('+cpu +memory +pids');
      expect(await read('longshore-me/task/memory.max')).toBe('67108864');
      expect(await read('longshore-me/task/memory.swap.max')).toBe('0');
      expect(await read('longshore-me/task/cpu.max')).toBe('50000 100000');
      expect(await read('longshore-me/task/pids.max')).toBe('20');
      expect(await read('longshore-me/memory.max')).toBe('');
      expect(await childrenOf(tree, '/longshore-me')).toEqual(['task']);
      expect(await oomKillsOf(tree, '/longshore-me/task')).toBe(2);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

describe('shares of a sandbox without common limits', () => {
  const record = {
    labels: {},
    limits: { cpus: 1, memory: 512 * MiB },
    containers: [
      { name: 'fixed', limits: { memory: 128 * MiB } },
      { name: 'one', limits: {} },
      { name: 'two', limits: {} },
    ],
  };
  it('add up to the whole', () => {
    const given = record.containers.map(({ name, limits }) => shareOf(name, limits, record));
    expect(given.map(({ memory }) => memory)).toEqual([128 * MiB, 192 * MiB, 192 * MiB]);
    expect(given.reduce((sum, { cpus = 0 }) => sum + cpus, 0)).toBeCloseTo(1);
  });
  it('are never more than the whole, and absent where there is no limit', () => {
    expect(shareOf('x', { memory: 1024 * MiB }, { labels: {}, limits: { memory: 512 * MiB } })).toEqual({
      memory: 512 * MiB,
    });
    expect(shareOf('x', {}, { labels: {}, limits: {} })).toEqual({});
  });
});

describe('image names', () => {
  const sha = `sha256:${'ab'.repeat(32)}`;

  it.each(
    [
      ['', 'UPPER//bad', 'a//b', '/a', 'a/', '../a', 'a/../b', 'UPPER', 'a b', 'a?b', 'a#b', 'a%2fb', 'a:', 'a@', 'é'],
      ['a@sha256:short', 'a:b:c', 'http://a/b', `a:${'x'.repeat(129)}`, 'a\nb'],
    ].flat(),
  )('%j is none', (image) => {
    expect(() => parseReference(image)).toThrow(expect.objectContaining({ kind: 'image-name' }));
  });

  it.each([
    ['app', 'app:latest', 'app'],
    ['app:v1', 'app:v1', 'app'],
    ['host:5000/team/app', 'host:5000/team/app:latest', 'host:5000/team/app'],
    [`host:5000/app:v1@${sha}`, `host:5000/app:v1@${sha}`, 'host:5000/app', sha],
    [`app@${sha}`, `app@${sha}`, 'app', sha],
    ['[::1]:5000/a.b/c__d', '[::1]:5000/a.b/c__d:latest', '[::1]:5000/a.b/c__d'],
    ['Registry.example/app', 'Registry.example/app:latest', 'Registry.example/app'],
    [sha, sha, 'sha256'],
  ])('%s', (image, full, repository, digest?: string) => {
    expect(parseReference(image)).toEqual({ full, repository, ...(digest && { digest }) });
  });

  it('of the default registry have short and long forms', () => {
    expect(sameRepository('docker.io/library/app', 'app')).toBe(true);
    expect(sameRepository('docker.io/me/app', 'me/app')).toBe(true);
    expect(sameRepository('other.test/me/app', 'me/app')).toBe(false);
  });
});

it.each([
  ['image-not-found', 'manifest for app:v1 not found: manifest unknown: manifest unknown'],
  ['image-unauthorized', 'pull access denied for app, repository does not exist or may require authorization'],
  ['image-unauthorized', 'unauthorized: incorrect username or password'],
  ['image-platform', 'no matching manifest for linux/arm64/v8 in the manifest list entries'],
  ['image-disk', 'failed to register layer: write /x: no space left on device'],
  ['image-registry', 'Get "https://r.test/v2/": dial tcp: lookup r.test: no such host'],
  ['image-registry', 'toomanyrequests: You have reached your pull rate limit'],
  ['image-registry', 'net/http: TLS handshake timeout'],
  ['image-registry', 'Get "http://127.0.0.1:40127/v2/": dial tcp 127.0.0.1:40127: connect: connection refused'],
] as const)('%s: %s', (kind, words) => {
  expect(pullErrorKind(words, 500)).toBe(kind);
});

it("the engine's words come without paths of its host", () => {
  const error = Object.assign(new Error('(HTTP code 500) server error - x'), {
    json: { message: 'error mounting "/var/lib/docker/overlay2/ab12/merged": no' },
  });
  expect(engineWords(error)).toBe('error mounting "(engine)": no');
  expect(engineWords(new Error('(HTTP code 409) unexpected - name in use '))).toBe('name in use');
});

describe('streams cut anywhere', () => {
  it('give whole JSON values', async () => {
    const bytes = Buffer.from('{"a":"ü"}\r\n{"b":2}\n{"c":3}');
    for (const size of [1, 2, 7, 100])
      expect(await all(jsonLines(pieces(bytes, size)))).toEqual([{ a: 'ü' }, { b: 2 }, { c: 3 }]);
  });

  it('give whole frames', async () => {
    const frame = (type: number, text: string) =>
      Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 0, 0, Buffer.byteLength(text)]), Buffer.from(text)]);
    const bytes = Buffer.concat([frame(1, 'out'), frame(2, ''), frame(2, 'error'), frame(1, 'end')]);
    for (const size of [1, 3, 8, 100]) {
      const chunks = await all(demultiplex(pieces(bytes, size)));
      expect(chunks.map(({ stream, data }) => `${stream}:${Buffer.from(data)}`)).toEqual([
        'stdout:out',
        'stderr:',
        'stderr:error',
        'stdout:end',
      ]);
    }
  });
});

describe('archives', () => {
  it('are read by tar', () => {
    const archive = tarOf([
      { path: 'bin', directory: true },
      { path: 'bin/a', mode: 0o755, data: Buffer.from('x'.repeat(700)) },
      { path: 'bin/b', linkTo: 'a' },
    ]);
    const list = execFileSync('tar', ['-tvf', '-'], { input: archive, encoding: 'utf8' });
    expect(list).toMatch(/^drwxr-xr-x .* bin\/$/m);
    expect(list).toMatch(/^-rwxr-xr-x .* 700 .* bin\/a$/m);
    expect(list).toMatch(/bin\/b -> a$/m);
  });

  it('hold a pause program for each architecture', () => {
    for (const [architecture, machine] of [
      ['amd64', 62],
      ['arm64', 183],
    ] as const) {
      const program = pauseProgram(architecture);
      expect(program.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
      expect(program.readUInt16LE(18)).toBe(machine);
      expect(program.length).toBeLessThan(300);
    }
  });
});

describe('the warm pool', () => {
  const poolOf = (size: number) => {
    let made = 0;
    const discarded: number[] = [];
    const waiting: (() => void)[] = [];
    const pool = createPool<number>({
      size,
      quiet: 0,
      make: async () => {
        made += 1;
        for (const resolve of waiting.splice(0)) resolve();
        return made;
      },
      discard: async (item) => void discarded.push(item),
      onError: (error) => {
        throw error;
      },
    });
    const making = () => new Promise<void>((resolve) => waiting.push(resolve));
    return { pool, made: () => made, discarded, making };
  };

  it('fills, gives each once, and fills again', async () => {
    const { pool, making } = poolOf(1);
    const first = making();
    pool.open();
    await first;
    const second = making();
    expect(await pool.take()).toBe(1);
    await second;
    expect(await pool.take()).toBe(2);
    await pool.close();
  });

  it('makes nothing while a launch is under way', async () => {
    const { pool, made, making } = poolOf(2);
    const done = pool.busy();
    pool.open();
    expect(await pool.take()).toBeUndefined();
    expect(made()).toBe(0);
    const filling = making();
    done();
    await filling;
    expect(made()).toBe(1);
    await pool.close();
  });

  it('keeps what was there before, up to its size, and discards it at the end', async () => {
    const { pool, discarded } = poolOf(1);
    expect(pool.adopt(7)).toBe(true);
    expect(pool.adopt(8)).toBe(false);
    await pool.close();
    expect(discarded).toEqual([7]);
  });

  it('of no size never makes any', async () => {
    const { pool, made } = poolOf(0);
    pool.open();
    expect(await pool.take()).toBeUndefined();
    await pool.close();
    expect(made()).toBe(0);
  });
});

it('an answer that is cut off is an engine that cannot be reached, at once', { timeout: 20_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-cut-'));
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('{"half":', () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 'engine.sock'), resolve));
  const engine = connectEngine(`unix://${join(folder, 'engine.sock')}`);
  await expect(engine.call((docker) => docker.info())).rejects.toMatchObject({ name: 'DriverError', kind: 'engine' });
  engine.close();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});
