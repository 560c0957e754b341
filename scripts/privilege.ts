/** Commands that need root. */
import { spawn } from 'node:child_process';
import { findProgram } from './programs.ts';

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The command as root runs it; undefined: this user cannot become root. */
export function asRoot(command: readonly string[]): readonly string[] | undefined {
  if (isRoot()) return command;
  const sudo = findProgram('sudo');
  if (sudo === undefined) return undefined;
  // Without a terminal nobody can type a password.
  return process.stdin.isTTY ? [sudo, ...command] : [sudo, '-n', ...command];
}

/** Runs a command to its end. `output` is what it printed, its last 4000 characters. */
export function runCommand(
  [program = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ readonly ok: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer) => {
      output = (output + chunk).slice(-4000);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.once('error', (error) => resolve({ ok: false, output: error.message }));
    child.once('close', (code) => resolve({ ok: code === 0, output: output.trim() }));
  });
}

/** The last line that a command printed, which usually says what went wrong. */
export function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? '';
}
