/** An engine that cannot be reached for a while: nothing is told that was not seen. The outage is a proxy's. */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerDriver } from '../../runtime/docker/driver.ts';
import type { ContainerHandle, Driver } from '../../runtime/driver.ts';
import { expectKind } from './driver.suite.ts';
import { engineMissing, makeBusyboxImage, type TestImage } from './images.ts';
import { plainContainer } from './suite-tools.ts';

const skipReason =
  (await engineMissing()) ??
  (/^(unix:|$)/.test(process.env.DOCKER_HOST ?? '') ? undefined : 'the engine is not on a unix socket');

/** Passes connections on to the engine until it is cut. */
function createProxy(path: string) {
  const target = (process.env.DOCKER_HOST || 'unix:///var/run/docker.sock').slice('unix://'.length);
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  return {
    open: () =>
      new Promise<void>((resolve) => {
        server = createServer((client) => {
          const engine = connect(target);
          for (const socket of [client, engine]) {
            sockets.add(socket);
            socket.on('error', () => {});
            socket.on('close', () => {
              sockets.delete(socket);
              client.destroy();
              engine.destroy();
            });
          }
          client.pipe(engine).pipe(client);
        });
        server.listen(path, resolve);
      }),
    cut: () =>
      new Promise<void>((resolve) => {
        if (!server) return resolve();
        server.close(() => resolve());
        server = undefined;
        for (const socket of sockets) socket.destroy();
      }),
  };
}

describe.skipIf(skipReason)(skipReason ? `engine outage (skipped: ${skipReason})` : 'engine outage', () => {
  let folder = '';
  let proxy: ReturnType<typeof createProxy>;
  let image: TestImage;
  /** Goes through the proxy. */
  let driver: Driver;
  /** Goes to the engine. */
  let direct: Driver;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-outage-'));
    proxy = createProxy(join(folder, 'engine.sock'));
    await proxy.open();
    image = await makeBusyboxImage('longshore-test', randomUUID());
    const prefix = `10.${randomInt(100, 127)}.${randomInt(0, 256)}`;
    const options = {
      owner: `test-${randomUUID().slice(0, 8)}`,
      networkRange: { subnet: `${prefix}.0/26`, gateway: `${prefix}.1` },
      warmPool: 0,
    };
    driver = createDockerDriver({ ...options, dockerHost: `unix://${join(folder, 'engine.sock')}` });
    direct = createDockerDriver({ ...options, dockerHost: process.env.DOCKER_HOST });
    await driver.open();
    await driver.createSandbox({ id: 'task', hostname: 'h', limits: {}, labels: {} });
  });
  afterAll(async () => {
    await driver?.close();
    await direct?.clean();
    await direct?.close();
    await proxy?.cut();
    await image?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const start = async (name: string, script: string): Promise<ContainerHandle> => {
    const handle = await driver.createContainer({
      ...plainContainer('task', name, image.name),
      command: ['sh', '-c', script],
    });
    await driver.startContainer(handle);
    return handle;
  };

  it('an end that came meanwhile is told afterwards, with its own exit code', async () => {
    const ending = await start('ending', 'trap "exit 42" TERM; while true; do sleep 0.05; done');
    const lasting = await start('lasting', 'while true; do sleep 1; done');
    const wait = driver.waitContainer(ending);
    const cancel = new AbortController();
    const lastingWait = driver.waitContainer(lasting, cancel.signal);
    let told = false;
    const note = () => {
      told = true;
    };
    lastingWait.then(note, note);
    // Both waits have looked once and now rest on the event stream.
    await driver.inspectContainer(lasting);
    await proxy.cut();
    await expectKind(driver.inspectContainer(ending), 'engine');
    await direct.stopContainer(ending, 10);
    await proxy.open();
    expect(await wait).toMatchObject({ exitCode: 42, oomKilled: false });
    expect(told).toBe(false);
    cancel.abort();
    await expectKind(lastingWait, 'cancelled');
  });

  it('a log that is followed goes on where it was, with nothing twice and nothing missing', async () => {
    const counting = await start('counting', 'i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.02; done');
    let text = '';
    let cut = false;
    const follow = async () => {
      for await (const { data } of driver.logs(counting, { follow: true })) {
        text += Buffer.from(data).toString();
        if (!cut && text.includes('20\n')) {
          cut = true;
          await proxy.cut();
          await proxy.open();
        }
      }
    };
    await follow();
    expect(text).toBe(Array.from({ length: 60 }, (_, index) => `${index}\n`).join(''));
  });
});
