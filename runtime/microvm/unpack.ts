/** What kernels and their modules are packed with, by distribution: told apart by how the bytes begin. */
import { spawn } from 'node:child_process';
import { gunzipSync } from 'node:zlib';
import { DriverError } from '../driver.ts';
import { decompressLz4Legacy, isLz4Legacy } from './lz4.ts';

const programs: readonly (readonly [program: string, start: string])[] = [
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
];

/** undefined: it begins like none of them. @throws DriverError kind engine */
export async function unpack(data: Buffer): Promise<Buffer | undefined> {
  if (isLz4Legacy(data)) return decompressLz4Legacy(data);
  if (data.subarray(0, 2).toString('hex') === '1f8b') return gunzipSync(data);
  const program = programs.find(([, start]) => data.subarray(0, start.length / 2).toString('hex') === start)?.[0];
  return program === undefined ? undefined : await pipeThrough(program, data);
}

function pipeThrough(program: string, data: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.on('error', () => reject(new DriverError('engine', `${program} is not installed.`)));
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(parts));
      else reject(new DriverError('engine', `${program} cannot unpack what it was given.`));
    });
    // What it does not read any more shows in how it ends.
    child.stdin.on('error', () => {});
    child.stdin.end(data);
  });
}
