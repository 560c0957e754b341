/** Programs of the host, run to their end. */
import { execFile } from 'node:child_process';
import { DriverError } from '../driver.ts';

/** What the program printed. @throws DriverError kind engine with its first words of complaint */
export function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly timeout?: number } = {},
): Promise<string> {
  // Not every root has the administrator's programs in its path.
  const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin` };
  return new Promise((resolve, reject) => {
    const child = execFile(program, [...args], { env, maxBuffer: 2 ** 24, ...options }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const killed = error.signal ? `it was ended by ${error.signal}` : error.message;
      const words = stderr.trim().split('\n')[0] || killed;
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      reject(new DriverError('engine', missing ? `${program} is not installed.` : `${program}: ${words}`));
    });
    child.stdin?.end();
  });
}
