/** Images: brought to the host through the engine, by policy, each once however many ask for it. */
import type Docker from 'dockerode';
import { DriverError, type ImageInfo, type PullProgress, type PullRequest } from '../driver.ts';
import type { Log } from '../log.ts';
import { checkCancelled, type Engine, engineWords, failure, statusOf } from './engine.ts';
import { pullErrorKind } from './image-errors.ts';
import { parseReference, sameRepository } from './image-reference.ts';
import { jsonLines } from './json-lines.ts';

export type PullImage = (request: PullRequest) => Promise<ImageInfo>;

interface SharedPull {
  /** With the digest that the registry told. */
  readonly done: Promise<string | undefined>;
  readonly listeners: Set<(progress: PullProgress) => void>;
  readonly abort: () => void;
  waiting: number;
}

/** `patience`: milliseconds that a pull may go without any progress. */
export function createPullImage(engine: Engine, patience: number, log: Log): PullImage {
  const shared = new Map<string, SharedPull>();

  const pull = (request: PullRequest) => {
    const key = JSON.stringify([nameOf(request), request.platform, request.credentials]);
    const running = shared.get(key) ?? begin(request);
    if (!shared.has(key)) {
      shared.set(key, running);
      const forget = () => {
        if (shared.get(key) === running) shared.delete(key);
      };
      running.done.then(forget, forget);
    }
    return join(running, request, () => shared.delete(key));
  };

  const begin = (request: PullRequest): SharedPull => {
    const listeners = new Set<(progress: PullProgress) => void>();
    const stop = new AbortController();
    const tell = (progress: PullProgress) => {
      for (const listener of listeners) listener(progress);
    };
    return { done: pullOnce(engine, request, patience, stop, tell), listeners, abort: () => stop.abort(), waiting: 0 };
  };

  return async (request) => {
    checkCancelled(request.signal);
    const { policy } = request;
    const local = policy === 'always' ? undefined : await findWanted(engine, request);
    const wanted = local && fits(local, request) ? local : undefined;
    // What a digest names never changes.
    const mayHaveMoved = policy === 'default' && !digestOf(request) && local && cameFromRegistry(local, request.image);
    if (wanted && !mayHaveMoved) return describe(wanted, request);
    let digest: string | undefined;
    try {
      digest = await pull(request);
    } catch (error) {
      const usable = wanted && !(error instanceof DriverError && error.kind === 'cancelled');
      if (!usable) throw local && !wanted ? platformError(local, request) : error;
      log.info({ image: request.image, error: engineWords(error) }, 'the pull failed, the local image is used');
      return describe(wanted, request);
    }
    const exact = digest === undefined ? request : { ...request, digest };
    const pulled = (await findWanted(engine, exact)) ?? (await findWanted(engine, request));
    if (!pulled) throw new DriverError('image-not-found', `No such image: ${request.image}`);
    if (!fits(pulled, request)) throw platformError(pulled, request);
    return describe(pulled, exact);
  };
}

/** Waits for a pull that others may wait for too; the last one to give up ends it. */
async function join(
  pull: SharedPull,
  { onProgress, signal }: PullRequest,
  forget: () => void,
): Promise<string | undefined> {
  pull.waiting += 1;
  const listener = (progress: PullProgress) => onProgress?.(progress);
  pull.listeners.add(listener);
  let abort = () => {};
  const cancelled = new Promise<never>((_, reject) => {
    abort = () => reject(new DriverError('cancelled', 'The pull was cancelled.'));
    signal?.addEventListener('abort', abort);
  });
  try {
    checkCancelled(signal);
    return await Promise.race([pull.done, cancelled]);
  } finally {
    signal?.removeEventListener('abort', abort);
    pull.listeners.delete(listener);
    pull.waiting -= 1;
    if (pull.waiting === 0 && signal?.aborted) {
      forget();
      pull.abort();
    }
  }
}

interface PullLine {
  readonly status?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

async function pullOnce(
  engine: Engine,
  request: PullRequest,
  patience: number,
  stop: AbortController,
  tell: (progress: PullProgress) => void,
): Promise<string | undefined> {
  const { image, platform, credentials } = request;
  let digest: string | undefined;
  let silent = false;
  const timer = setTimeout(() => {
    silent = true;
    stop.abort();
  }, patience);
  try {
    // Through the plain client: how long this takes is the registry's matter.
    const stream = await engine.docker.createImage(credentials ?? undefined, {
      fromImage: nameOf(request),
      platform: `${platform.os}/${platform.architecture}`,
      abortSignal: stop.signal,
    });
    for await (const { status, error, progressDetail } of jsonLines<PullLine>(stream)) {
      timer.refresh();
      if (error) throw new DriverError(pullErrorKind(error, undefined), error);
      if (status) tell({ status, current: progressDetail?.current, total: progressDetail?.total });
      digest = /^Digest: (sha256:[0-9a-f]{64})$/.exec(status ?? '')?.[1] ?? digest;
    }
    return digest;
  } catch (error) {
    if (silent)
      throw new DriverError('image-registry', `The registry of ${image} made no progress for ${patience / 1000} s.`, {
        cause: error,
      });
    if (stop.signal.aborted) throw new DriverError('cancelled', 'The pull was cancelled.', { cause: error });
    if (error instanceof DriverError) throw error;
    throw failure(pullErrorKind(engineWords(error), statusOf(error)), error);
  } finally {
    clearTimeout(timer);
  }
}

/** The digest that must be brought, whichever way it was asked for. */
function digestOf({ image, digest }: PullRequest): string | undefined {
  return digest ?? parseReference(image).digest;
}

/** The name under which a registry has what is wanted. */
function nameOf({ image, digest }: PullRequest): string {
  const { full, repository } = parseReference(image);
  return digest === undefined ? full : `${repository}@${digest}`;
}

/** An image that was never in a registry has its own id for a digest. */
async function findWanted(engine: Engine, request: PullRequest): Promise<Docker.ImageInspectInfo | undefined> {
  const found = await findImage(engine, nameOf(request));
  return found || request.digest === undefined ? found : await findImage(engine, request.digest);
}

async function findImage(engine: Engine, name: string): Promise<Docker.ImageInspectInfo | undefined> {
  try {
    return await engine.call((docker) => docker.getImage(name).inspect());
  } catch (error) {
    // 400: not a name at all; the pull says so better.
    if (statusOf(error) === 404 || statusOf(error) === 400) return undefined;
    throw failure('engine', error);
  }
}

function fits(info: Docker.ImageInspectInfo, { platform }: PullRequest): boolean {
  return info.Os === platform.os && info.Architecture === platform.architecture;
}

function platformError(info: Docker.ImageInspectInfo, { image, platform }: PullRequest): DriverError {
  return new DriverError(
    'image-platform',
    `image ${image} is for ${info.Os}/${info.Architecture}, not for platform '${platform.os}/${platform.architecture}'`,
  );
}

function cameFromRegistry(info: Docker.ImageInspectInfo, image: string): boolean {
  return digestFor(info, image) !== undefined;
}

function digestFor({ RepoDigests }: Docker.ImageInspectInfo, image: string): string | undefined {
  const { repository } = parseReference(image);
  const own = (RepoDigests ?? [])
    .map((each) => each.split('@'))
    .find(([name = '']) => sameRepository(name, repository));
  return own?.[1];
}

/** The id, not the name, is what containers are made from: a tag may move in between. */
function describe(info: Docker.ImageInspectInfo, request: PullRequest): ImageInfo {
  const stopSignal = (info.Config as { StopSignal?: string } | undefined)?.StopSignal;
  const digest = digestOf(request) ?? digestFor(info, request.image) ?? info.Id;
  return { image: info.Id, digest, ...(stopSignal ? { stopSignal } : {}) };
}
