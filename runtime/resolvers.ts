/** The name servers of this host that a sandbox can reach too: one on the host's loopback address it cannot. */
import { readFile } from 'node:fs/promises';

export interface ResolverFiles {
  /** Where the engine's own configuration may name servers. */
  readonly engine: string;
  readonly host: string;
  /** The servers behind systemd's resolver on loopback. */
  readonly systemd: string;
}

const usual: ResolverFiles = {
  engine: '/etc/docker/daemon.json',
  host: '/etc/resolv.conf',
  systemd: '/run/systemd/resolve/resolv.conf',
};

/** The engine's own choice where a host names none that can be reached. */
export const fallbackResolvers: readonly string[] = ['8.8.8.8', '8.8.4.4'];

/** IPv4 addresses, at least one. */
export async function readResolvers(files: ResolverFiles = usual): Promise<readonly string[]> {
  const sources = [
    async () => engineResolvers(await textOf(files.engine)),
    async () => hostResolvers(await textOf(files.host)),
    async () => hostResolvers(await textOf(files.systemd)),
  ];
  for (const source of sources) {
    const found = (await source()).filter(isReachable);
    if (found.length > 0) return found;
  }
  return fallbackResolvers;
}

function hostResolvers(text: string): readonly string[] {
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address);
}

function engineResolvers(text: string): readonly string[] {
  try {
    const { dns } = JSON.parse(text || '{}') as { readonly dns?: unknown };
    return Array.isArray(dns) ? dns.filter((each) => typeof each === 'string') : [];
  } catch (error) {
    // The engine would not run with a broken file; this one is not in use.
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** Sandboxes have no IPv6. */
function isReachable(address: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(address) && !address.startsWith('127.') && address !== '0.0.0.0';
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
