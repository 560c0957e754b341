/** IPv4 ranges that this host has routes to. */
import { readFile } from 'node:fs/promises';

/** In CIDR form, every one but the default route, without those through `device`. */
export async function hostRoutes(device?: string): Promise<readonly string[]> {
  let table: string;
  try {
    table = await readFile('/proc/net/route', 'utf8');
  } catch (error) {
    // Not Linux: nothing can be known.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return table
    .trim()
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const columns = line.split('\t');
      const [name, destination = '', mask = ''] = [columns[0], columns[1], columns[7]];
      if (mask === '00000000' || destination.length !== 8 || name === device) return [];
      return [`${littleEndianAddress(destination)}/${bitsOf(mask)}`];
    });
}

function littleEndianAddress(hex: string): string {
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.');
}

function bitsOf(hex: string): number {
  return Number.parseInt(hex, 16).toString(2).replaceAll('0', '').length;
}
