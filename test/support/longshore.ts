/** The real command `longshore`, in processes of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { packageRoot } from '../../core/package-root.ts';

const bin = join(packageRoot, 'scripts', 'longshore.mjs');

export interface Longshore {
  readonly process: ChildProcess;
  /** Resolves with the first line that has `words`, also when it was printed before. */
  line(words: string): Promise<string>;
  /** Resolves with the exit code, or the name of the signal. */
  readonly ended: Promise<number | string>;
  /** Pid of one of its processes. */
  pid(name: 'api' | 'worker' | 'redis'): number;
}

/** Starts it with the fake runtime; the test's end kills it. */
export function startLongshore(dataDir: string, port: number, flags: readonly string[] = []): Longshore {
  const args = [bin, 'start', '--runtime', 'fake', '--data-dir', dataDir, '--port', String(port), ...flags];
  const child = spawn(process.execPath, args, { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal);
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  const printed: string[] = [];
  const waiting: { words: string; resolve: (line: string) => void }[] = [];
  for (const output of [child.stdout, child.stderr])
    createInterface({ input: output }).on('line', (line) => {
      printed.push(line);
      for (const { words, resolve } of waiting) if (line.includes(words)) resolve(line);
    });
  return {
    process: child,
    ended,
    line: (words) => {
      const known = printed.find((line) => line.includes(words));
      if (known !== undefined) return Promise.resolve(known);
      const told = new Promise<string>((resolve) => waiting.push({ words, resolve }));
      const never = ended.then((end) => {
        throw new Error(`longshore ended (${end}) without "${words}":\n${printed.join('\n')}`);
      });
      return Promise.race([told, never]);
    },
    pid: (name) => JSON.parse(readFileSync(join(dataDir, 'run', `${name}.json`), 'utf8')).pid,
  };
}

/** Runs one command to its end. */
export function runLongshore(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { env: environment() }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/** Without settings of the person who runs the tests. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(LONGSHORE_(?!TEST_RUN)|REDIS_URL$|DOCKER_HOST$|AWS_)/.test(name),
    ),
  );
}
