/** The log store on disk: order, retention, size, torn writes, kills. */
import { randomBytes } from 'node:crypto';
import { readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type LogStore, type LogStream, openLogStore, StoreFullError } from '../../api/logs/store/log-store.ts';
import type { StoredEvent } from '../../api/logs/store/segment.ts';
import { mountSmallDisk, noSmallDisk } from '../support/small-disk.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const scope = { accountId: '000000000000', region: 'us-east-1' };
const day = 86_400_000;
let now = 1_800_000_000_000;
const failed: unknown[] = [];

async function open(folder: string, limit = 2 ** 30): Promise<LogStore> {
  return await openLogStore({ folder, limit, clock: () => now, failed: (error) => failed.push(error) });
}

async function makeStream(store: LogStore, group: string, name: string): Promise<LogStream> {
  const found = store.catalog.group(scope, group);
  const made =
    found ??
    (await store.catalog.createGroup({
      ...scope,
      name: group,
      creationTime: now,
      logGroupClass: 'STANDARD',
      tags: {},
    }));
  const stream = await store.catalog.createStream({ groupId: made?.id ?? 0, name, creationTime: now });
  if (!stream) throw new Error('there is such a stream');
  return stream;
}

async function all(store: LogStore, streams: readonly LogStream[], range = {}): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const some of store.scan(streams, { from: 0, to: now + day, ...range })) events.push(...some);
  return events;
}

const messages = (events: readonly StoredEvent[]) => events.map(({ message }) => message);

describe('a log store', () => {
  it('gives events of many streams in the order of time, in both directions, from any place on', async () => {
    const store = await open(await temporaryDirectory());
    const streams: LogStream[] = [];
    for (const name of ['a', 'b', 'c']) streams.push(await makeStream(store, 'g', name));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 0, max: 40 })), { minLength: 1, maxLength: 60 }),
        async (wanted) => {
          now += 1000;
          const base = now;
          for (const [stream, offset] of wanted) {
            const to = streams[stream];
            if (to) await store.append(to, [{ timestamp: base + offset, message: `${base + offset}` }]);
          }
          const expected = wanted.map(([, offset]) => String(base + offset)).sort();
          const range = { from: base, to: base + 999 };
          const found = await all(store, streams, range);
          expect(messages(found)).toEqual(expected);
          expect(messages(await all(store, streams, { ...range, reverse: true }))).toEqual(expected.toReversed());
          const place = found[Math.floor(found.length / 2)];
          if (!place) return;
          const before = await all(store, streams, { ...range, reverse: true, beyond: place });
          const after = await all(store, streams, { ...range, beyond: place });
          expect([...before.toReversed(), place, ...after]).toEqual(found);
        },
      ),
      { numRuns: 8 },
    );
    await store.close();
  });

  it('is the same after it was closed and opened', async () => {
    const folder = await temporaryDirectory();
    const first = await open(folder);
    const stream = await makeStream(first, 'g', 's');
    await first.append(stream, [{ timestamp: now, message: 'kept ü' }]);
    await first.close();
    const second = await open(folder);
    const again = second.catalog.stream(stream.groupId, 's');
    expect(again).toEqual(stream);
    await second.append(stream, [{ timestamp: now, message: 'later' }]);
    expect(messages(await all(second, [stream]))).toEqual(['kept ü', 'later']);
    expect(second.facts(stream)).toMatchObject({ firstEvent: now, lastEvent: now });
    await second.close();
  });

  it('is held by one process', async () => {
    const folder = await temporaryDirectory();
    const store = await open(folder);
    await expect(open(folder)).rejects.toMatchObject({ cause: { code: 'LEVEL_LOCKED' } });
    await store.close();
  });

  it('removes what expired, and what belongs to no stream', async () => {
    const store = await open(await temporaryDirectory());
    const stream = await makeStream(store, 'g', 's');
    const other = await makeStream(store, 'g', 'other');
    const gone = await makeStream(store, 'gone', 's');
    for (const to of [stream, other, gone])
      await store.append(to, [
        { timestamp: now - 5 * day, message: 'old' },
        { timestamp: now, message: 'new' },
      ]);
    await store.catalog.changeGroup(stream.groupId, (group) => ({ ...group, retentionInDays: 3 }));
    await store.catalog.deleteGroup(gone.groupId);
    await store.catalog.deleteStream(other.id);
    await store.tidy();
    expect(messages(await all(store, [stream, other, gone]))).toEqual(['new']);
    expect(store.facts(stream).firstEvent).toBe(now - 3 * day);
    expect(failed).toEqual([]);
    await store.close();
  });

  it('lets the oldest go when there is too much, and stays below its limit', async () => {
    const folder = await temporaryDirectory();
    const limit = 16 * 2 ** 20;
    const store = await open(folder, limit);
    const stream = await makeStream(store, 'g', 's');
    const noise = () => randomBytes(3000).toString('base64');
    let last = 0;
    for (let round = 0; round < 60; round += 1) {
      const events = Array.from({ length: 100 }, () => {
        last += 1;
        return { timestamp: now + last, message: `${last} ${noise()}` };
      });
      await store.append(stream, events);
    }
    await store.tidy();
    expect((await store.size()).bytes).toBeLessThanOrEqual(limit);
    const numbers = messages(await all(store, [stream])).map((message) => Number(message.split(' ')[0]));
    expect(numbers.at(-1)).toBe(last);
    expect(numbers[0]).toBeGreaterThan(1);
    expect(numbers.length).toBeGreaterThan(500);
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
    expect(failed).toEqual([]);
    await store.close();
  });

  it('loses nothing that was acknowledged when the end of its newest file is torn', async () => {
    const folder = await temporaryDirectory();
    const store = await open(folder);
    const stream = await makeStream(store, 'g', 's');
    await store.append(stream, [{ timestamp: now, message: 'whole' }]);
    const segment = (await readdir(folder)).find((name) => name.startsWith('events-')) ?? '';
    const log = (await readdir(join(folder, segment))).find((name) => name.endsWith('.log')) ?? '';
    const path = join(folder, segment, log);
    const { size } = await stat(path);
    await store.append(stream, [{ timestamp: now, message: 'torn' }]);
    await store.close();
    await truncate(path, size + 20);
    const again = await open(folder);
    expect(messages(await all(again, [stream]))).toEqual(['whole']);
    await again.append(stream, [{ timestamp: now, message: 'goes on' }]);
    expect(messages(await all(again, [stream]))).toEqual(['whole', 'goes on']);
    await again.close();
  });

  it.skipIf(noSmallDisk !== '')(
    `refuses what a full disk does not take, loses nothing, and goes on when there is room${noSmallDisk}`,
    async () => {
      const disk = await temporaryDirectory();
      onTestFinished(mountSmallDisk(disk, 16));
      let store = await open(join(disk, 'logs'));
      const stream = await makeStream(store, 'g', 's');
      const acknowledged: string[] = [];
      const write = async () => {
        const message = randomBytes(32 * 1024).toString('hex');
        await store.append(stream, [{ timestamp: now + acknowledged.length, message }]);
        acknowledged.push(message);
      };
      for (let count = 0; count < 10; count += 1) await write();
      const ballast = join(disk, 'ballast');
      await writeFile(ballast, Buffer.alloc(11 * 2 ** 20));
      const filling = async () => {
        while (acknowledged.length < 300) await write();
      };
      await expect(filling()).rejects.toThrow(StoreFullError);
      await expect(write()).rejects.toThrow(StoreFullError);
      expect(messages(await all(store, [stream]))).toEqual(acknowledged);
      await rm(ballast);
      for (let count = 0; count < 5; count += 1) await write();
      expect(messages(await all(store, [stream]))).toEqual(acknowledged);
      await store.close();
      store = await open(join(disk, 'logs'));
      expect(messages(await all(store, [stream]))).toEqual(acknowledged);
      await store.close();
      expect(failed.splice(0).length).toBeGreaterThan(1);
    },
  );
});
