/** Parts of the Docker driver that need no engine. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { escapeUnit, sliceProperties } from '../../runtime/docker/cgroup-systemd.ts';
import { type CgroupTree, childrenOf, oomKillsOf, writeLimits } from '../../runtime/docker/cgroup-tree.ts';
import { shareOf } from '../../runtime/docker/container-limits.ts';
import { engineWords } from '../../runtime/docker/engine.ts';
import { pullErrorKind } from '../../runtime/docker/image-errors.ts';
import { parseReference, sameRepository } from '../../runtime/docker/image-reference.ts';
import { jsonLines } from '../../runtime/docker/json-lines.ts';
import { demultiplex } from '../../runtime/docker/multiplexed.ts';
import { namesOf, withoutOurs } from '../../runtime/docker/names.ts';
import { pauseProgram } from '../../runtime/docker/pause-image.ts';
import { createPool } from '../../runtime/docker/pool.ts';
import { tarOf } from '../../runtime/docker/tar.ts';

async function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
}

const MiB = 2 ** 20;

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
      await writeLimits(tree, '/longshore-me/task', { cpus: 0.5, memory: 64 * MiB, pids: 20 });
      const read = (path: string) => readFile(join(root, path), 'utf8');
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
  it.each([
    ['app', 'app:latest', 'app'],
    ['app:v1', 'app:v1', 'app'],
    ['host:5000/team/app', 'host:5000/team/app:latest', 'host:5000/team/app'],
    ['host:5000/app:v1@sha256:ab', 'host:5000/app:v1@sha256:ab', 'host:5000/app'],
    ['app@sha256:ab', 'app@sha256:ab', 'app'],
  ])('%s', (image, full, repository) => {
    expect(parseReference(image)).toEqual({ full, repository });
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
      expect(program.length).toBeLessThan(200);
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
