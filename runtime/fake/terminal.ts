/** A simulated command on a terminal: says what would have been run, repeats what is typed, ends with Ctrl-D. */
import type { ExecSession, LogChunk } from '../driver.ts';

const endOfTransmission = 0x04;
/** Bytes of a simulated output that are made at once. */
const portion = 32_768;

/**
 * `output 5000` writes so many bytes and ends; every other command waits for input. A new size is told as `80x24`.
 * @param gone resolves when the container has ended
 */
export function openFakeTerminal(command: readonly string[], gone: Promise<void>): ExecSession {
  const chunks: Buffer[] = [Buffer.from(`${command.join(' ')}\r\n`)];
  let exitCode: number | undefined;
  let wake = () => {};
  let tellEnd = () => {};
  const ended = new Promise<void>((resolve) => {
    tellEnd = resolve;
  });
  const end = (code: number) => {
    exitCode ??= code;
    tellEnd();
    wake();
  };
  const say = (data: Uint8Array) => {
    if (exitCode === undefined) chunks.push(Buffer.from(data));
    wake();
  };
  gone.then(() => end(137));
  let due = command[0] === 'output' ? Number(command[1]) : 0;
  const ends = command[0] === 'output';

  async function* output(): AsyncGenerator<LogChunk> {
    for (;;) {
      const chunk = chunks.shift();
      if (chunk) yield { stream: 'stdout', data: chunk };
      else if (exitCode !== undefined) return;
      else if (due > 0) {
        const bytes = Math.min(due, portion);
        due -= bytes;
        yield { stream: 'stdout', data: Buffer.alloc(bytes, 'x') };
      } else if (ends) end(0);
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }

  return {
    output: output(),
    async write(data) {
      const over = data.indexOf(endOfTransmission);
      say(over < 0 ? data : data.subarray(0, over));
      if (over >= 0) end(0);
    },
    resize: async ({ columns, rows }) => say(Buffer.from(`${columns}x${rows}\r\n`)),
    close: () => {},
    kill: async () => end(137),
    async wait() {
      await ended;
      return { exitCode: exitCode ?? 137 };
    },
  };
}
