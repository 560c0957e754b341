/** Images for tests, made on the spot from the host's static busybox: no registry is asked. */
import { existsSync, readFileSync } from 'node:fs';
import { connectEngine } from '../../runtime/docker/engine.ts';
import { importImage } from '../../runtime/docker/import-image.ts';
import { tarOf } from '../../runtime/docker/tar.ts';
import { findProgram } from '../../scripts/programs.ts';

const BUSYBOX = '/bin/busybox';

const applets =
  'sh cat chmod cut date dd echo env false grep head hostname httpd id ip ls mkdir mktemp nc ping ps pwd readlink rm sed seq sleep sort stty tail tee test touch tr true ulimit uname wc wget which yes'.split(
    ' ',
  );

export interface TestImage {
  readonly name: string;
  remove(): Promise<void>;
}

/** Makes `repository:tag` with a shell and the usual small commands. */
export async function makeBusyboxImage(
  repository: string,
  tag: string,
  options: { readonly changes?: readonly string[]; readonly platform?: string } = {},
): Promise<TestImage> {
  if (!existsSync(BUSYBOX)) throw new Error('Tests need busybox-static (/bin/busybox).');
  const engine = connectEngine(process.env.DOCKER_HOST);
  const tar = tarOf([
    ...['bin', 'etc', 'tmp', 'proc', 'dev', 'sys', 'root'].map((path) => ({
      path,
      mode: path === 'tmp' ? 0o1777 : 0o755,
      directory: true as const,
    })),
    { path: 'bin/busybox', mode: 0o755, data: readFileSync(BUSYBOX) },
    ...applets.map((applet) => ({ path: `bin/${applet}`, linkTo: 'busybox' })),
    { path: 'etc/passwd', data: Buffer.from('root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/tmp:/bin/sh\n') },
    { path: 'etc/group', data: Buffer.from('root:x:0:\nworker:x:1000:\n') },
  ]);
  try {
    await importImage(engine, {
      repository,
      tag,
      tar,
      changes: options.changes ?? ['CMD ["/bin/sh"]', 'ENV PATH=/bin'],
      platform: options.platform,
    });
  } finally {
    engine.close();
  }
  const name = `${repository}:${tag}`;
  return { name, remove: () => removeImage(name) };
}

export async function removeImage(name: string): Promise<void> {
  const engine = connectEngine(process.env.DOCKER_HOST);
  try {
    await engine.call((docker) => docker.getImage(name).remove({ force: true }));
  } finally {
    engine.close();
  }
}

/** Why tests that use the engine's own command cannot run; undefined: they can. */
export async function engineCommandMissing(): Promise<string | undefined> {
  return (await engineMissing()) ?? (findProgram('docker') === undefined ? 'not installed: docker' : undefined);
}

/** Why the tests that need an engine cannot run; undefined: they can. */
export async function engineMissing(): Promise<string | undefined> {
  const engine = connectEngine(process.env.DOCKER_HOST);
  try {
    await engine.call((docker) => docker.ping(), 10_000);
    return undefined;
  } catch (error) {
    return `no Docker Engine answers at ${engine.address}: ${(error as Error).message}`;
  } finally {
    engine.close();
  }
}
