/** An append-only file of JSON lines: what a simulated engine would still know after its caller died. */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { ContainerConfig, ContainerExit, ContainerHandle, Sandbox, SandboxConfig } from '../driver.ts';

export type JournalEntry =
  | { readonly type: 'sandbox'; readonly config: SandboxConfig; readonly sandbox: Sandbox }
  | { readonly type: 'container'; readonly config: ContainerConfig; readonly handle: ContainerHandle }
  | { readonly type: 'started'; readonly id: string; readonly at: number }
  | { readonly type: 'ended'; readonly id: string; readonly exit: ContainerExit }
  | { readonly type: 'container-removed'; readonly id: string }
  | { readonly type: 'sandbox-removed'; readonly id: string };

export interface Journal {
  read(): readonly JournalEntry[];
  /** Synchronous, so that what was answered was written. */
  write(entry: JournalEntry): void;
}

/** `live`: the entries that say how things are now; the file is made anew from them when it is much longer. */
export function openJournal(file: string | undefined, live: () => readonly JournalEntry[]): Journal {
  if (file === undefined) return { read: () => [], write: () => {} };
  let lines = 0;
  let least = 1000;
  return {
    read() {
      if (!existsSync(file)) return [];
      const complete = readFileSync(file, 'utf8').split('\n').slice(0, -1);
      lines = complete.length;
      return complete.map((line) => JSON.parse(line) as JournalEntry);
    },
    write(entry) {
      appendFileSync(file, `${JSON.stringify(entry)}\n`);
      lines += 1;
      if (lines < least) return;
      const entries = live();
      writeFileSync(`${file}.new`, entries.map((each) => `${JSON.stringify(each)}\n`).join(''));
      renameSync(`${file}.new`, file);
      lines = entries.length;
      least = Math.max(1000, 4 * lines);
    },
  };
}
