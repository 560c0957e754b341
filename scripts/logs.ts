/** Log files of bounded size, and log lines as people read them. */
import { closeSync, copyFileSync, fstatSync, openSync, renameSync, statSync, truncateSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Bytes; a log takes at most twice that, itself and its predecessor `.1`. */
const largestLog = 8 * 2 ** 20;

export interface LogFile {
  write(text: string | Buffer): void;
  close(): void;
}

export function openLogFile(path: string): LogFile {
  let file = openSync(path, 'a', 0o600);
  let size = fstatSync(file).size;
  return {
    write: (text) => {
      try {
        if (size > largestLog) {
          closeSync(file);
          renameSync(path, `${path}.1`);
          file = openSync(path, 'a', 0o600);
          size = 0;
        }
        size += writeSync(file, text as string);
      } catch {
        // A full disk must not end what is logged about; the line is lost.
      }
    },
    close: () => closeSync(file),
  };
}

/** Bounds a log that another process appends to and keeps open: it goes on writing into the emptied file. */
export function trimLogFile(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= largestLog) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}

/** Sends each line of a child's output to its file, and its warnings and errors on to `say`. */
export function logChild(name: string, output: Readable, file: LogFile, say: (line: string) => void): void {
  createInterface({ input: output }).on('line', (line) => {
    file.write(`${line}\n`);
    const entry = parseEntry(line);
    if (entry !== undefined && entry.level >= 40) say(`${name}: ${readable(entry)}`);
  });
}

interface Entry {
  readonly level: number;
  readonly msg?: string;
  readonly err?: { readonly message?: string };
}

/** undefined: not a line of pino's. */
function parseEntry(line: string): Entry | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry = JSON.parse(line) as Entry;
    return typeof entry.level === 'number' ? entry : undefined;
  } catch {
    // Something printed braces of its own.
    return undefined;
  }
}

/** `warning: words: cause` */
function readable(entry: Entry): string {
  const level = entry.level >= 50 ? 'error' : entry.level >= 40 ? 'warning' : 'info';
  const cause = entry.err?.message;
  const words = [entry.msg, cause === entry.msg ? undefined : cause].filter((part) => part !== undefined);
  return `${level}: ${words.join(': ')}`;
}

/** A line of pino's as a person on a terminal reads it. */
export function readableLine(line: string): string {
  const entry = parseEntry(line);
  return entry === undefined ? line : `${readable(entry)}\n`;
}
