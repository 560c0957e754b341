/**
 * Whose tasks this host's sandboxes are: a note in the data directory names the worker and the store that they were
 * made for. What belongs to no recorded task is removed, so a worker that meets another store (or one that has lost its
 * data), or that has another name, must not take what it finds for left over.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface HostClaim {
  readonly worker: string;
  /** Store.identity. */
  readonly store: string;
}

/**
 * Notes who makes sandboxes here from now on.
 * @param count tells how many sandboxes there are already; asked only when somebody else was noted before
 * @throws Error with one sentence when they are somebody else's
 */
export async function claimHost(dataDir: string, claim: HostClaim, count: () => Promise<number>): Promise<void> {
  const path = join(dataDir, 'host-claim.json');
  const before = read(path);
  if (before?.worker === claim.worker && before.store === claim.store) return;
  const found = before === undefined ? 0 : await count();
  if (before !== undefined && found > 0) throw new Error(refusal(before, claim, found));
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(claim, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(temporary, path);
}

function refusal(before: HostClaim, { worker }: HostClaim, found: number): string {
  const tasks = `${found} ${found === 1 ? 'task' : 'tasks'}`;
  if (before.worker !== worker)
    return `This host still holds ${tasks} of worker ${before.worker}: start the worker under that name (--worker-name), or remove them with \`longshore clean\`.`;
  return `This host still holds ${tasks} that this Redis knows nothing of, because it is another one or has lost its data: point the worker at the Redis that they were started with, or remove them with \`longshore clean\`.`;
}

function read(path: string): HostClaim | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as HostClaim;
  } catch (error) {
    // Absent, or half written by a machine that lost power: nobody has claimed.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
