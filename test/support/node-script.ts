/** A Node.js process that runs a few lines of code and is told and tells things line by line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface NodeScript {
  readonly process: ChildProcess;
  /** The next line that it prints. */
  nextLine(): Promise<string>;
  /** Kills it unless it has ended; resolves when it is gone. */
  kill(): Promise<void>;
}

/** `code` is an ES module; an open stdin keeps it alive when it reads that. */
export function runScript(code: string): NodeScript {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'exit');
  return {
    process: child,
    nextLine: async () => {
      const line = await lines.next();
      if (line.done) throw new Error('The script ended without another line.');
      return line.value;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
