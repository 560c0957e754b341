/** Processes of this host and their parents. */
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';

/** undefined: there is no such process. */
export function parentOf(pid: number): number | undefined {
  try {
    const [, state = '', parent = ''] =
      /^\d+ \(.*\) (\S) (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}

/** As it was started; "": there is no such process. */
export function programOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] ?? '';
  } catch {
    return '';
  }
}

/** Children, their children and so on. */
export async function processesInside(pid: number): Promise<readonly number[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const children = all.filter((each) => parentOf(each) === pid);
  return (await Promise.all(children.map(async (child) => [child, ...(await processesInside(child))]))).flat();
}
