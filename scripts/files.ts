/** Small files that are either wholly there or not at all. */
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hasCode } from './failure.ts';

/** undefined: absent. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export function replaceJson(path: string, value: unknown): void {
  renameSync(writeTemporary(path, value), path);
}

/** False: somebody else made it first. */
export function createJson(path: string, value: unknown): boolean {
  const temporary = writeTemporary(path, value);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function writeTemporary(path: string, value: unknown): string {
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
    fsyncSync(file);
    return temporary;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}
