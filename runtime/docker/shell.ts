/**
 * A shell that is kept: starting programs from it costs a third of starting them from a process as large as ours. It
 * ends with the process that it belongs to.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

export interface Shell {
  /** Runs commands, one call after the other; what they complained about, or undefined when they succeeded. */
  run(script: string): Promise<string | undefined>;
  close(): void;
}

/** What follows a script's output, with its exit code. */
const END = '@longshore-end';
/** Milliseconds for one script. */
const PATIENCE = 30_000;

/** `prelude` is run first by every new shell: it defines functions. */
export function openShell(prelude: string): Shell {
  let child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const started = () => {
    if (child) return child;
    child = spawn('sh', [], { env: environment(), stdio: ['pipe', 'pipe', 'inherit'] });
    // What breaks shows as the end of the output.
    child.on('error', () => {});
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8');
    // It must not keep our process alive.
    child.unref();
    for (const pipe of [child.stdin, child.stdout]) (pipe as Socket).unref();
    child.stdin.write(`${prelude}\n`);
    return child;
  };

  const runOnce = (script: string) =>
    new Promise<string | undefined>((resolve) => {
      const { stdin, stdout } = started();
      let text = '';
      const done = (result: string | undefined) => {
        clearTimeout(timer);
        stdout.off('data', read).off('close', broke);
        resolve(result);
      };
      const read = (part: string) => {
        text += part;
        const [, output = '', code] = new RegExp(`^([^]*)${END} (\\d+)\\n$`).exec(text) ?? [];
        if (code !== undefined) done(code === '0' ? undefined : output.trim() || `exit code ${code}`);
      };
      const broke = () => {
        child?.kill('SIGKILL');
        child = undefined;
        done(text.trim() || 'the shell ended');
      };
      const timer = setTimeout(broke, PATIENCE);
      stdout.on('data', read).on('close', broke);
      stdin.write(`{\n${script}\n} 2>&1\necho "${END} $?"\n`);
    });

  return {
    run(script) {
      const result = last.then(() => runOnce(script));
      last = result;
      return result;
    },
    close() {
      child?.stdin.end();
      child = undefined;
    },
  };
}

/** For programs that we start. Not every root has the administrator's programs in its path. */
export function environment(): NodeJS.ProcessEnv {
  return { LC_ALL: 'C', PATH: `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin` };
}

/** One word of a script. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
