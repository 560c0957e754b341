/** An instance on a real Docker Engine with an image to run, and what the engine itself saw of it. */
import { randomBytes } from 'node:crypto';
import { connectEngine } from '../../runtime/docker/engine.ts';
import { jsonLines } from '../../runtime/docker/json-lines.ts';
import { makeBusyboxImage, type TestImage } from '../runtime/images.ts';
import { createInstance, type Instance, type InstanceOptions } from './processes.ts';
import { createDefaultCluster } from './tasks.ts';

export interface EngineInstance extends Instance {
  /** Name of an image with a shell and the usual small commands. */
  readonly image: string;
}

/** With a running API and the default cluster; workers are the test's to start. */
export async function createEngineInstance(options: Partial<InstanceOptions> = {}): Promise<EngineInstance> {
  const instance = await createInstance({ runtime: 'docker', ...options });
  let image: TestImage | undefined;
  try {
    image = await makeBusyboxImage(`longshore-test-${randomBytes(4).toString('hex')}`, '1');
    await instance.startApi();
    await createDefaultCluster(instance.client());
  } catch (error) {
    await image?.remove();
    await instance.close();
    throw error;
  }
  const made = image;
  return {
    ...instance,
    image: made.name,
    async close() {
      await instance.close();
      await made.remove();
    },
  };
}

export interface EngineWatch {
  /** Starts of users' containers so far, `<task id>/<name>`. */
  readonly starts: readonly string[];
  /** Ends of users' containers so far. */
  readonly ends: readonly string[];
  close(): void;
}

/** Listens to what the engine tells, whatever becomes of the worker. */
export async function watchEngine(instance: Instance): Promise<EngineWatch> {
  const engine = connectEngine(instance.dockerHost);
  const starts: string[] = [];
  const ends: string[] = [];
  const stop = new AbortController();
  const stream = await engine.docker.getEvents({
    abortSignal: stop.signal,
    filters: { type: ['container'], event: ['start', 'die'], label: [`longshore=${instance.installation}`] },
  });
  const listen = async () => {
    for await (const { Action, Actor } of jsonLines<EngineEvent>(stream)) {
      const labels = Actor?.Attributes ?? {};
      const name = labels['longshore.container'];
      if (name === undefined) continue;
      (Action === 'start' ? starts : ends).push(`${labels['longshore.sandbox']}/${name}`);
    }
  };
  listen().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    starts,
    ends,
    close() {
      stop.abort();
      engine.close();
    },
  };
}

interface EngineEvent {
  readonly Action?: string;
  readonly Actor?: { readonly Attributes?: Readonly<Record<string, string>> };
}

/** The engine's ids of a task's containers, by name. */
export async function containersOf(instance: Instance, taskId: string): Promise<Readonly<Record<string, string>>> {
  const engine = connectEngine(instance.dockerHost);
  try {
    const containers = await engine.docker.listContainers({
      all: true,
      filters: { label: [`longshore=${instance.installation}`, `longshore.sandbox=${taskId}`] },
    });
    return Object.fromEntries(
      containers.flatMap(({ Id, Labels }) => {
        const name = Labels['longshore.container'];
        return name === undefined ? [] : [[name, Id]];
      }),
    );
  } finally {
    engine.close();
  }
}
