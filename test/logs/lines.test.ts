/** Output cut into events, and from where it is read again after a crash at any moment. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Expression } from '../../core/expression.ts';
import type { LogChunk } from '../../runtime/driver.ts';
import { datetimePattern } from '../../worker/output/datetime-pattern.ts';
import { createLines, type OutputEvent, type Resume } from '../../worker/output/lines.ts';

function chunksOf(...parts: readonly (readonly [LogChunk['stream'], string | Uint8Array])[]): readonly LogChunk[] {
  return parts.map(([stream, data], index) => ({
    stream,
    data: typeof data === 'string' ? Buffer.from(data) : data,
    at: 1000 + index,
    position: String(index + 1),
  }));
}

/** Reads what comes after a place, as a runtime would give it. */
function read(
  chunks: readonly LogChunk[],
  from: Resume,
  startsEvent?: Expression,
  longest = 100,
): readonly OutputEvent[] {
  const lines = createLines({ longest, clock: () => 0, ...(startsEvent && { startsEvent }) }, from);
  const rest = chunks.slice(Number(from.after ?? 0));
  return [...rest.flatMap((chunk) => lines.add(chunk)), ...lines.flush()];
}

const messages = (events: readonly OutputEvent[]) => events.map(({ message }) => message);

describe('output', () => {
  it('becomes an event for each line, without empty ones', () => {
    const chunks = chunksOf(['stdout', 'one\n'], ['stderr', 'two\r\n'], ['stdout', '\n'], ['stdout', 'a\nb\nc']);
    expect(messages(read(chunks, {}))).toEqual(['one', 'two\r', 'a', 'b', 'c']);
  });

  it('is put together where the runtime cut it, for each stream', () => {
    const chunks = chunksOf(['stdout', 'lo'], ['stderr', 'err\n'], ['stdout', 'ng\n']);
    expect(read(chunks, {})).toMatchObject([
      { message: 'err', at: 1001 },
      { message: 'long', at: 1000 },
    ]);
  });

  it('is cut where a line is too long', () => {
    const chunks = chunksOf(['stdout', 'x'.repeat(60)], ['stdout', 'y'.repeat(60)], ['stdout', `${'z'.repeat(250)}\n`]);
    const lengths = messages(read(chunks, {})).map((message) => message.length);
    expect(lengths).toEqual([100, 100, 100, 70]);
  });

  it('is never cut inside a character, and no event is longer than it may be', () => {
    const bytes = fc.oneof(
      fc
        .string({ unit: 'grapheme', minLength: 50, maxLength: 400 })
        .map((line) => Buffer.from(line.replaceAll('\n', ''))),
      fc.uint8Array({ maxLength: 600 }).map((line) => Buffer.from(line.filter((byte) => byte !== 10))),
    );
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 150 }), (line, size) => {
        const parts = Array.from({ length: Math.ceil(line.length / size) }, (_, index) =>
          line.subarray(index * size, (index + 1) * size),
        );
        const cut = messages(read(chunksOf(...parts.map((part) => ['stdout', part] as const), ['stdout', '\n']), {}));
        for (const message of cut) expect(Buffer.byteLength(message)).toBeLessThanOrEqual(100);
        const text = line.toString();
        if (Buffer.from(text).equals(line)) expect(cut.join('')).toBe(text);
      }),
    );
  });

  it('that is no UTF-8 loses no bytes around what is replaced', () => {
    const [event] = read(chunksOf(['stdout', Buffer.from([0x61, 0xff, 0x00, 0x62, 0x0a])]), {});
    expect(event?.message).toBe('a\ufffd\0b');
  });

  it('is joined up to the next line that starts an event', () => {
    const chunks = chunksOf(
      ['stdout', '2026-01-01 one\n'],
      ['stdout', '  more\n'],
      ['stdout', '2026-01-02 two\n'],
      ['stderr', 'other\n'],
      ['stdout', '  end\n'],
    );
    expect(messages(read(chunks, {}, datetimePattern('%Y-%m-%d')))).toEqual([
      '2026-01-01 one\n  more',
      '2026-01-02 two\n  end',
      'other',
    ]);
  });

  it('is delivered once when the process dies after any event', () => {
    const part = fc.tuple(
      fc.constantFrom('stdout' as const, 'stderr' as const),
      fc.stringMatching(/^[abü]{0,8}$|^[abü€]{20,40}$/),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 25 }), fc.option(fc.constant(/^a/)), fc.nat(), (parts, starts, cut) => {
        const chunks = chunksOf(...parts.map(([stream, text, ends]) => [stream, ends ? `${text}\n` : text] as const));
        const startsEvent = starts ?? undefined;
        const all = read(chunks, {}, startsEvent, 12);
        const ends = all.flatMap(({ resume }, index) => (resume ? [index] : []));
        const last = ends[cut % Math.max(ends.length, 1)];
        if (last === undefined) return;
        const resume = all[last]?.resume ?? {};
        const again = read(chunks, resume, startsEvent, 12);
        expect(messages([...all.slice(0, last + 1), ...again])).toEqual(messages(all));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a datetime format', () => {
  it.each([
    ['%Y-%m-%dT%H:%M:%S%L', 'x 2026-11-25T08:00:00.123 y', true],
    ['[%b %d, %Y %H:%M:%S]', '[Nov 25, 2026 08:00:00]', true],
    ['[%b %d, %Y %H:%M:%S]', '[Foo 25, 2026 08:00:00]', false],
    ['%A %I:%M %p %z', 'Monday 08:30 PM +0200', true],
  ])('%s in %s: %s', (format, line, expected) => {
    expect(datetimePattern(format).test(line)).toBe(expected);
  });
});
