/** Images straight from registries, for hosts without a Docker Engine: fetched by skopeo, unpacked by umoci. */
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pullErrorKind } from '../docker/image-errors.ts';
import { parseReference } from '../docker/image-reference.ts';
import { DriverError, type ImageInfo, type PullRequest } from '../driver.ts';
import { runProgram } from './commands.ts';
import type { ImageSource } from './engine-images.ts';
import { type ImageConfiguration, imageOf } from './image.ts';
import type { ImageCache } from './image-cache.ts';

interface Named {
  readonly key: string;
  /** Of the manifest. */
  readonly digest: string;
}

export function registryImages(cache: ImageCache, folder: string): ImageSource {
  const names = join(folder, 'names');
  const fileOf = ({ image, platform }: PullRequest) =>
    join(names, createHash('sha256').update(`${image} ${platform.architecture}`).digest('hex'));

  const known = async (request: PullRequest): Promise<ImageInfo | undefined> => {
    const text = await readFile(fileOf(request), 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    const named = JSON.parse(text) as Named;
    const image = await cache.find(named.key);
    return image && describe(named, image.stopSignal);
  };

  const fetch = async (request: PullRequest): Promise<ImageInfo> => {
    await mkdir(names, { recursive: true });
    const work = await mkdtemp(join(folder, '.pull-'));
    try {
      const digest = await copy(request, work);
      const config = await configurationOf(work);
      const image = imageOf(config.digest, config.config);
      await cache.put(image, async () => await unpacked(work));
      const named: Named = { key: image.key, digest };
      const draft = join(names, `.new-${randomUUID()}`);
      await writeFile(draft, JSON.stringify(named));
      await rename(draft, fileOf(request));
      return describe(named, image.stopSignal);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  };

  return {
    async pull(request) {
      const local = request.policy === 'always' ? undefined : await known(request);
      const exact = request.digest === undefined || local?.digest === request.digest;
      if (local && exact && (request.policy !== 'default' || request.digest !== undefined)) return local;
      try {
        return await fetch(request);
      } catch (error) {
        const gone = error instanceof DriverError && error.kind === 'cancelled';
        if (local && exact && !gone) return local;
        throw error;
      }
    },
    close: () => {},
  };
}

function describe({ key, digest }: Named, stopSignal: string | undefined): ImageInfo {
  return { image: `sha256:${key}`, digest, ...(stopSignal === undefined ? {} : { stopSignal }) };
}

/** The digest of what was copied. @throws DriverError kind image-* */
async function copy({ image, digest, platform, credentials, signal }: PullRequest, work: string): Promise<string> {
  const { full, repository } = parseReference(image);
  const source = digest === undefined ? full : `${repository}@${digest}`;
  const insecure = /^(localhost|127\.)/.test(source) ? ['--src-tls-verify=false'] : [];
  const args = [
    ...['--override-os', platform.os, '--override-arch', platform.architecture, 'copy', '--quiet', ...insecure],
    ...(credentials ? ['--src-creds', `${credentials.username}:${credentials.password}`] : ['--src-no-creds']),
    ...['--digestfile', join(work, 'digest'), `docker://${source}`, `oci:${join(work, 'layout')}:image`],
  ];
  await new Promise<void>((resolve, reject) => {
    const child = spawn('skopeo', args, { stdio: ['ignore', 'ignore', 'pipe'], ...(signal ? { signal } : {}) });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      words = (words + part).slice(-4000);
    });
    child.on('error', (error) => {
      if (error.name === 'AbortError') reject(new DriverError('cancelled', 'The pull was cancelled.'));
      else reject(new DriverError('engine', `skopeo: ${error.message}`));
    });
    child.on('close', (code) => (code === 0 ? resolve() : reject(pullFailure(words))));
  });
  return digest ?? (await readFile(join(work, 'digest'), 'utf8')).trim();
}

/** skopeo logs as `time="…" level=fatal msg="…"`. */
function pullFailure(words: string): DriverError {
  const last = words.trim().split('\n').at(-1) ?? '';
  const message = (/msg="((?:[^"\\]|\\.)*)"/.exec(last)?.[1] ?? last).replaceAll('\\"', '"');
  const short = message.replace(/^initializing source docker:\/\/\S+: /, '');
  if (/no image found in (image index|manifest list) for|no child with platform/i.test(short))
    return new DriverError('image-platform', short);
  return new DriverError(pullErrorKind(short, undefined), short);
}

async function configurationOf(
  work: string,
): Promise<{ readonly digest: string; readonly config: ImageConfiguration }> {
  const layout = join(work, 'layout');
  const read = async <T>(digest: string) =>
    JSON.parse(await readFile(join(layout, 'blobs', ...digest.split(':')), 'utf8')) as T;
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
    readonly manifests: readonly { readonly digest: string }[];
  };
  const manifest = await read<{ readonly config: { readonly digest: string } }>(index.manifests[0]?.digest ?? '');
  const { config } = await read<{ readonly config?: ImageConfiguration }>(manifest.config.digest);
  return { digest: manifest.config.digest, config: config ?? {} };
}

async function unpacked(work: string) {
  const bundle = join(work, 'bundle');
  await runProgram('umoci', ['unpack', '--image', `${join(work, 'layout')}:image`, bundle]).catch((error: unknown) => {
    const full = error instanceof DriverError && /no space left/i.test(error.message);
    throw full ? new DriverError('image-disk', 'no space left on device') : error;
  });
  const tar = spawn('tar', ['-C', join(bundle, 'rootfs'), '--xattrs', '--numeric-owner', '-cf', '-', '.'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return tar.stdout;
}
