/** Images from the Docker Engine of this host: pulled through it, or made in it. */
import { PassThrough, type Readable } from 'node:stream';
import { connectEngine, type Engine, failure } from '../docker/engine.ts';
import { createPullImage } from '../docker/image.ts';
import type { ImageInfo, PullRequest } from '../driver.ts';
import type { Log } from '../log.ts';
import { type Image, type ImageConfiguration, imageOf } from './image.ts';
import type { ImageCache } from './image-cache.ts';

export interface ImageSource {
  /** @throws DriverError kind image-* */
  pull(request: PullRequest): Promise<ImageInfo>;
  close(): void;
}

export function engineImages(
  dockerHost: string | undefined,
  cache: ImageCache,
  patience: number,
  log: Log,
): ImageSource {
  const engine = connectEngine(dockerHost);
  const pullImage = createPullImage(engine, patience, log);
  return {
    async pull(request) {
      const info = await pullImage(request);
      await bring(engine, info.image, cache);
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

async function bring(engine: Engine, id: string, cache: ImageCache): Promise<Image> {
  const key = id.replace(/^sha256:/, '');
  const known = await cache.find(key);
  if (known) return known;
  const info = await engine.call((docker) => docker.getImage(id).inspect());
  const image = imageOf(id, info.Config as unknown as ImageConfiguration);
  await cache.put(image, async () => await exportFiles(engine, id));
  return image;
}

/** An engine tells a file system whole for containers only, so one is made that never runs. */
async function exportFiles(engine: Engine, id: string): Promise<Readable> {
  try {
    const container = await engine.call((docker) =>
      docker.createContainer({ Image: id, Cmd: ['/'], Labels: { 'longshore.export': 'microvm' } }),
    );
    // Through the plain client: how long this takes is the image's matter.
    const files = (await engine.docker.getContainer(container.id).export()) as unknown as Readable;
    const through = new PassThrough();
    const remove = () => {
      engine.call((docker) => docker.getContainer(container.id).remove({ force: true })).catch(() => {});
    };
    files.on('error', (error) => through.destroy(error));
    through.once('close', remove);
    return files.pipe(through);
  } catch (error) {
    throw failure('engine', error);
  }
}
