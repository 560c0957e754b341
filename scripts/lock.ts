/**
 * The lock on a data directory: files `lock.1`, `lock.2`, … of which the highest counts. It is held while the process
 * that it names is alive, so a killed holder frees it. To take it is to create the next number; the highest file is
 * never removed, and whoever finds a higher one than its own has lost. That way two starters that both see a dead
 * holder cannot both win, which removing the dead holder's file would allow.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity } from '../core/process-identity.ts';
import { createJson, readJson, replaceJson } from './files.ts';

export interface Lock {
  release(): void;
}

export class LockHeldError extends Error {
  override readonly name = 'LockHeldError';
  readonly holder: ProcessIdentity;
  constructor(holder: ProcessIdentity) {
    super(`Process ${holder.pid} holds the lock.`);
    this.holder = holder;
  }
}

/** @throws LockHeldError when a living process has it */
export function takeLock(folder: string): Lock {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = (number: number) => join(folder, `lock.${number}`);
  const me = identify(process.pid);
  for (;;) {
    const newest = numbers(folder).at(-1) ?? 0;
    const holder = newest > 0 ? readHolder(file(newest)) : undefined;
    if (holder !== undefined && isAlive(holder)) throw new LockHeldError(holder);
    const mine = newest + 1;
    if (!createJson(file(mine), me)) continue;
    const found = numbers(folder);
    if (found.at(-1) !== mine) {
      rmSync(file(mine), { force: true });
      continue;
    }
    for (const number of found.slice(0, -1)) rmSync(file(number), { force: true });
    return { release: () => replaceJson(file(mine), null) };
  }
}

/** Who has the lock now. */
export function lockHolder(folder: string): ProcessIdentity | undefined {
  const newest = numbers(folder).at(-1);
  const holder = newest === undefined ? undefined : readHolder(join(folder, `lock.${newest}`));
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

function readHolder(path: string): ProcessIdentity | undefined {
  try {
    return readJson<ProcessIdentity | null>(path) ?? undefined;
  } catch (error) {
    // A power cut can leave an empty file; its writer is gone then.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function numbers(folder: string): number[] {
  return readdirSync(folder)
    .flatMap((name) => /^lock\.(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}
