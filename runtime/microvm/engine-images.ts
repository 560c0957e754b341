/** Images from the Docker Engine of this host: pulled through it, or made in it. */
import { PassThrough, type Readable } from 'node:stream';
import { connectEngine, type Engine, failure } from '../docker/engine.ts';
import { createPullImage } from '../docker/image.ts';
import { DriverError, type ImageInfo, type PullRequest } from '../driver.ts';
import type { Log } from '../log.ts';
import { type Image, type ImageConfiguration, imageOf } from './image.ts';
import type { ImageCache } from './image-cache.ts';

export interface ImageSource {
  /** @throws DriverError kind image-* */
  pull(request: PullRequest): Promise<ImageInfo>;
  close(): void;
}

export interface EngineImagesOptions {
  /** Id of the installation. */
  readonly owner: string;
  readonly dockerHost: string | undefined;
  readonly cache: ImageCache;
  /** Milliseconds that a pull or an export may go without progress. */
  readonly patience: number;
  readonly log: Log;
}

/** Of containers that are only there to be exported; its value is the owner. */
const EXPORT = 'longshore.export';

export function engineImages({ owner, dockerHost, cache, patience, log }: EngineImagesOptions): ImageSource {
  const engine = connectEngine(dockerHost);
  const pullImage = createPullImage(engine, patience, log);
  // What an earlier process left in the middle of an export.
  removeExportsIn(engine, owner).catch((error: unknown) => log.warn({ error }, 'containers of exports may be left'));
  return {
    async pull(request) {
      const info = await pullImage(request);
      await bring({ engine, owner, patience }, info.image, cache);
      return info;
    },
    close: () => engine.close(),
  };
}

/** Whether an engine answers. */
export async function engineAnswers(dockerHost: string | undefined): Promise<boolean> {
  const engine = connectEngine(dockerHost);
  try {
    await engine.call((docker) => docker.ping(), 5000);
    return true;
  } catch {
    // Whatever the reason is, images come from elsewhere.
    return false;
  } finally {
    engine.close();
  }
}

/** Removes what exports left behind, where there is an engine. */
export async function removeExports(owner: string, dockerHost: string | undefined): Promise<void> {
  if (!(await engineAnswers(dockerHost))) return;
  const engine = connectEngine(dockerHost);
  try {
    await removeExportsIn(engine, owner);
  } finally {
    engine.close();
  }
}

async function removeExportsIn(engine: Engine, owner: string): Promise<void> {
  const filters = JSON.stringify({ label: [`${EXPORT}=${owner}`] });
  const found = await engine.call((docker) => docker.listContainers({ all: true, filters }));
  await Promise.all(found.map(({ Id }) => removeContainer(engine, Id)));
}

interface Exporter {
  readonly engine: Engine;
  readonly owner: string;
  readonly patience: number;
}

async function bring(exporter: Exporter, id: string, cache: ImageCache): Promise<Image> {
  const key = id.replace(/^sha256:/, '');
  const known = await cache.find(key);
  if (known) return known;
  const info = await exporter.engine.call((docker) => docker.getImage(id).inspect());
  const image = imageOf(id, info.Config as unknown as ImageConfiguration);
  await cache.put(image, async () => await exportFiles(exporter, id));
  return image;
}

/** An engine tells a file system whole for containers only, so one is made that never runs. */
async function exportFiles({ engine, owner, patience }: Exporter, id: string): Promise<Readable> {
  const { id: container } = await engine
    .call((docker) => docker.createContainer({ Image: id, Cmd: ['/'], Labels: { [EXPORT]: owner } }))
    .catch((error: unknown) => {
      throw failure('engine', error);
    });
  const through = new PassThrough();
  through.once('close', () => void removeContainer(engine, container).catch(() => {}));
  const watch = watchdog(patience, () => {
    const seconds = Math.round(patience / 1000);
    through.destroy(new DriverError('create', `The engine sent nothing of the image for ${seconds} seconds.`));
  });
  through.once('close', watch.end).on('error', watch.end);
  // Through the plain client: how long this takes is the image's matter. Its answer may never begin.
  engine.docker
    .getContainer(container)
    .export()
    .then(
      (stream) => {
        const files = stream as unknown as Readable;
        files.on('data', watch.seen);
        files.on('error', (error) => through.destroy(failure('engine', error)));
        through.once('close', () => files.destroy());
        files.pipe(through);
      },
      (error: unknown) => through.destroy(failure('engine', error)),
    );
  return through;
}

/** Calls `late` once when nothing was seen for that many milliseconds. */
function watchdog(patience: number, late: () => void): { readonly seen: () => void; readonly end: () => void } {
  const timer = setTimeout(late, patience);
  return { seen: () => void timer.refresh(), end: () => clearTimeout(timer) };
}

/** With the volumes that the engine made for it. */
async function removeContainer(engine: Engine, id: string): Promise<void> {
  await engine.call((docker) => docker.getContainer(id).remove({ force: true, v: true }));
}
