/** Bridges of this host that lead out of it, unlike those that only join what runs on it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere } from './is-there.ts';

const FOLDER = '/sys/class/net';

/** Names of the bridges that have a device of hardware or what is built on one, or that the default route goes through. */
export async function uplinkBridges(): Promise<readonly string[]> {
  const names = await readdir(FOLDER);
  const route = await readFile('/proc/net/route', 'utf8').catch(() => '');
  const found = await Promise.all(
    names.map(async (name) => {
      if (!(await isThere(join(FOLDER, name, 'bridge')))) return [];
      const ports = await readdir(join(FOLDER, name, 'brif'));
      const out = await Promise.all(ports.map(leadsOut));
      return out.includes(true) || new RegExp(`^${name}\\s00000000\\s`, 'm').test(route) ? [name] : [];
    }),
  );
  return found.flat();
}

/** Cables between namespaces and taps say nothing of what they are; vlans, bonds and wireless devices do. */
async function leadsOut(port: string): Promise<boolean> {
  const about = await readFile(join(FOLDER, port, 'uevent'), 'utf8').catch(() => '');
  return about.includes('DEVTYPE=') || (await isThere(join(FOLDER, port, 'device')));
}
