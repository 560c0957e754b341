import { access } from 'node:fs/promises';

/** Whether the path leads to something that this process may know of. */
export async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
