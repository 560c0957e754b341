/** A container's output as it is read from an engine, which filters by time and may end a log too early. */
import type Docker from 'dockerode';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../runtime/docker/context.ts';
import { readLogs } from '../../runtime/docker/logs.ts';

interface Line {
  /** `2026-01-02T03:04:05.000000001Z` */
  readonly time: string;
  readonly text: string;
  /** Absent: stdout. */
  readonly stderr?: boolean;
}

const handle = { sandboxId: 's', name: 'app', id: 'app' };
const at = (hour: number, nanoseconds: number) =>
  `2026-01-02T${String(hour).padStart(2, '0')}:00:00.${String(nanoseconds).padStart(9, '0')}Z`;
const secondsOf = (time: string) => `${Date.parse(`${time.slice(0, 19)}Z`) / 1000}.${time.slice(20, -1)}`;

function frame({ time, text, stderr }: Line): Buffer {
  const payload = Buffer.from(`${time} ${text}\n`);
  const head = Buffer.alloc(8);
  head[0] = stderr ? 2 : 1;
  head.writeUInt32BE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

/** Gives what it has of a container that has ended; the first reader gets only so many lines. */
function engineOf(lines: readonly Line[], given = lines.length): Context {
  let most = given;
  const docker = {
    getContainer: () => ({ inspect: async () => ({ Config: { Tty: false }, State: { Running: false } }) }),
    modem: {
      dial({ options }: { options: { since?: string } }, done: (error: null, stream: AsyncIterable<Buffer>) => void) {
        const { since = '' } = options;
        const asked = lines.slice(0, most).filter(({ time }) => since === '' || secondsOf(time) >= since);
        most = lines.length;
        done(
          null,
          (async function* () {
            for (const line of asked) yield frame(line);
          })(),
        );
      },
    },
  };
  return {
    engine: { call: async (use: (docker: unknown) => unknown) => await use(docker as unknown as Docker) },
  } as never;
}

async function read(context: Context, options: { follow: boolean; after?: string }) {
  const texts: string[] = [];
  let position: string | undefined;
  for await (const chunk of readLogs(context, handle, options)) {
    texts.push(Buffer.from(chunk.data).toString().trim());
    position = chunk.position;
  }
  return { texts, position };
}

describe('lines written before and after the clock was set back', () => {
  const lines: readonly Line[] = [
    { time: at(9, 1), text: 'a' },
    { time: at(9, 2), text: 'b' },
    { time: at(8, 1), text: 'c' },
    { time: at(8, 2), text: 'd' },
    { time: at(8, 3), text: 'e' },
  ];
  const texts = lines.map(({ text }) => text);
  // A clock that was set back shows no lines from the time to come.
  const recent = lines.map(({ time, text }) => ({ time: time.replace('2026', '2126'), text }));

  it.each([3, 4, 5])('come once when the engine ends the log after %i of them', async (given) => {
    expect((await read(engineOf(recent, given), { follow: true })).texts).toEqual(texts);
  });

  it('come once to the next reader too', async () => {
    for (const given of [3, 4, 5]) {
      const first = await read(engineOf(recent.slice(0, given)), { follow: false });
      const after = first.position ?? '';
      const next = await read(engineOf(recent), { follow: false, after });
      expect([...first.texts, ...next.texts]).toEqual(texts);
    }
  });

  it('and the place is a time alone again when the clock has come up to what it was', async () => {
    const later = [...recent, { time: at(10, 1).replace('2026', '2126'), text: 'f' }];
    expect((await read(engineOf(later), { follow: false })).position).toBe(`${later.at(-1)?.time}/1`);
  });
});

describe('lines of the two streams, of which the engine wrote one late', () => {
  const lines: readonly Line[] = [
    { time: at(9, 1), text: 'one' },
    { time: at(9, 3), text: 'three' },
    { time: at(9, 2), text: 'two', stderr: true },
    { time: at(9, 4), text: 'four' },
  ];

  it('come once, however old they are', async () => {
    const { texts, position } = await read(engineOf(lines), { follow: true });
    expect(texts).toEqual(['one', 'three', 'two', 'four']);
    expect(position).toBe(`${at(9, 4)}/1`);
  });

  it('come once to the next reader too', async () => {
    const first = await read(engineOf(lines.slice(0, 3)), { follow: false });
    const next = await read(engineOf(lines), { follow: false, after: first.position ?? '' });
    expect([...first.texts, ...next.texts]).toEqual(['one', 'three', 'two', 'four']);
  });

  it('do not come again when an engine repeats what lies before', async () => {
    const repeated = [...lines, ...lines.slice(0, 3), { time: at(9, 5), text: 'five' }];
    expect((await read(engineOf(repeated), { follow: false })).texts).toEqual(['one', 'three', 'two', 'four', 'five']);
  });
});
