/** Debian's docker-registry (the package of this name) with its files on the same disk, for comparison. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './instance.ts';
import { type Registry, registryClient } from './registry-client.ts';
import type { BenchContext } from './scenario.ts';

const program = '/usr/bin/docker-registry';

/** undefined: it is not installed. */
export async function startDebianRegistry({ cleanup }: BenchContext): Promise<Registry | undefined> {
  if (!existsSync(program)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'longshore-bench-registry-'));
  const port = await freePort();
  const configuration = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(configuration));
  const child = spawn(program, ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  cleanup.add(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const endpoint = `http://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const answers = await fetch(`${endpoint}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answers) return await registryClient(endpoint);
    await delay(50);
  }
  throw new Error('docker-registry did not start.');
}
