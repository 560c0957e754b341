/**
 * The nftables command. One that is kept and reads single commands answers in a millisecond; starting one takes tens of
 * them.
 */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { environment } from './shell.ts';

export interface Nft {
  /** Runs one line of commands as one transaction; what nft complained about, or undefined when it is done. */
  run(line: string): Promise<string | undefined>;
  close(): void;
}

/** Milliseconds for one line. */
const PATIENCE = 10_000;

export function openNft(): Nft {
  let child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let count = 0;

  const started = () => {
    if (child) return child;
    child = spawn('sh', ['-c', 'exec nft -i 2>&1'], { env: environment(), stdio: ['pipe', 'pipe', 'inherit'] });
    // What breaks shows as the end of the output.
    child.on('error', () => {});
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8');
    // It must not keep our process alive.
    child.unref();
    for (const pipe of [child.stdin, child.stdout]) (pipe as Socket).unref();
    return child;
  };

  /** nft has no command that answers, but complains at once about a word that is none. */
  const ask = (line: string) =>
    new Promise<{ readonly complaint: string | undefined } | 'broken'>((resolve) => {
      const { stdin, stdout } = started();
      count += 1;
      const end = `longshore_end_${count}`;
      const answer = new RegExp(`^([^]*?)Error: [^\\n]*\\n${end}\\n`);
      let text = '';
      const done = (result: { readonly complaint: string | undefined } | 'broken') => {
        clearTimeout(timer);
        stdout.off('data', read).off('close', broke);
        resolve(result);
      };
      const read = (part: string) => {
        text += part;
        const before = answer.exec(text)?.[1];
        // The marks under the word of the line before may come late.
        if (before !== undefined) done({ complaint: before.replace(/^[\s^~]+/, '').trim() || undefined });
      };
      const broke = () => {
        child?.kill('SIGKILL');
        child = undefined;
        done('broken');
      };
      const timer = setTimeout(broke, PATIENCE);
      stdout.on('data', read).on('close', broke);
      stdin.write(`${line}\n${end}\n`);
    });

  const runOnce = async (line: string) => {
    const answer = await ask(line);
    // Some are built without a prompt.
    return answer === 'broken' ? await runNft(line) : answer.complaint;
  };

  return {
    run(line) {
      const result = last.then(() => runOnce(line));
      last = result;
      return result;
    },
    close() {
      child?.stdin.end();
      child = undefined;
    },
  };
}

/** Runs a file of commands as one transaction; what nft complained about, or undefined when it is done. */
export function runNft(commands: string, ...options: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    // Version 1.0.9 reads from pipes, but not from the sockets that Node makes of them.
    const words = ['-c', 'cat | nft "$@" -f -', 'sh', ...options];
    const child = execFile('sh', words, { env: environment() }, (error, _, errors) => {
      const code = Number(error?.code ?? 0);
      const how = code > 128 ? `nft was ended by signal ${code - 128}` : error?.message;
      resolve(error ? errors.trim() || how : undefined);
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(commands);
  });
}
