/** Pulling: policies and errors, against registries of the test's own on 127.0.0.1. */
import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerDriver } from '../../runtime/docker/driver.ts';
import type { Driver, ImageInfo, PullRequest } from '../../runtime/driver.ts';
import { movingRegistry } from '../support/registries.ts';
import { expectKind } from './driver.suite.ts';
import { engineMissing, makeBusyboxImage, removeImage, type TestImage } from './images.ts';

const skipReason = await engineMissing();

describe.skipIf(skipReason)(skipReason ? `pulling images (skipped: ${skipReason})` : 'pulling images', () => {
  const tag = randomUUID();
  const images: TestImage[] = [];
  const closing: (() => Promise<void>)[] = [];
  let driver: Driver;
  let architecture: 'amd64' | 'arm64';

  beforeAll(async () => {
    driver = createDockerDriver({
      owner: `test-${randomUUID().slice(0, 8)}`,
      dockerHost: process.env.DOCKER_HOST,
      networkRange: { subnet: '10.127.0.0/24', gateway: '10.127.0.1' },
      warmPool: 0,
      pullPatience: 3000,
    });
    architecture = (await driver.capabilities()).architecture;
  });
  afterAll(async () => {
    await driver?.clean();
    await driver?.close();
    await Promise.all([...images.map((image) => image.remove()), ...closing.map((close) => close())]);
  });

  const pull = (image: string, more: Partial<PullRequest> = {}): Promise<ImageInfo> =>
    driver.pullImage({ image, policy: 'default', platform: { os: 'linux', architecture }, ...more });

  const local = async (repository: string, platform?: string) => {
    const image = await makeBusyboxImage(repository, tag, { platform });
    images.push(image);
    return image.name;
  };

  /** A registry that answers as it is told; returns its `host:port` and how often it was asked. */
  const registry = async (answer: RequestListener) => {
    let requests = 0;
    const server = createServer((request, response) => {
      requests += 1;
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const close = () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      });
    closing.push(close);
    return { host: `127.0.0.1:${port}`, requests: () => requests, close };
  };

  const answering = (status: number, code: string, headers: Record<string, string> = {}) =>
    registry((request, response) => {
      const known = request.url === '/v2/' && status !== 401;
      response.writeHead(known ? 200 : status, { 'content-type': 'application/json', ...headers });
      response.end(
        known ? '{}' : JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace('_', ' ') }] }),
      );
    });

  it.each([
    'UPPER//bad',
    'a/../b',
    'x?y',
    'x#y',
    'Not/A/Name:::',
  ])('%s, which is no name, is a failed pull', async (image) => {
    for (const policy of ['default', 'always', 'once', 'prefer-cached'] as const)
      await expectKind(pull(image, { policy }), 'image-name');
  });

  it('an image that exists only here needs no registry', async () => {
    const name = await local('longshore-test-local');
    const pulled = await pull(name);
    expect(pulled.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await pull(name, { digest: pulled.digest })).toEqual(pulled);
  });

  it.each([
    'once',
    'prefer-cached',
    'default',
  ] as const)('%s takes what is here when its registry is gone', async (policy) => {
    const gone = await registry(() => {});
    await gone.close();
    const name = await local(`${gone.host}/app`);
    expect((await pull(name, { policy })).digest).toMatch(/^sha256:/);
  });

  it('always wants the registry, whatever is here', async () => {
    const gone = await registry(() => {});
    await gone.close();
    const name = await local(`${gone.host}/app`);
    const error = await expectKind(pull(name, { policy: 'always' }), 'image-registry');
    expect(error.message).toContain('refused');
    expect(error.retryable).toBe(true);
  });

  it('an unknown manifest is an image that is not found', async () => {
    const { host } = await answering(404, 'MANIFEST_UNKNOWN');
    await expectKind(pull(`${host}/app:v1`), 'image-not-found');
  });

  it('a registry that asks for other credentials is told apart', async () => {
    const { host } = await answering(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="test"' });
    await expectKind(pull(`${host}/app`), 'image-unauthorized');
    await expectKind(pull(`${host}/app`, { credentials: { username: 'a', password: 'b' } }), 'image-unauthorized');
  });

  it('a registry that breaks down is not the image being absent', async () => {
    const { host } = await answering(500, 'UNKNOWN');
    await expectKind(pull(`${host}/app`), 'image-registry');
  });

  it('a registry that never answers is given up', async () => {
    const { host } = await registry(() => {});
    const error = await expectKind(pull(`${host}/app`), 'image-registry');
    expect(error.message).toContain('no progress for 3 s');
  });

  it('a pull can be cancelled, and others that wait for the same image still wait', async () => {
    const { host } = await registry(() => {});
    const controller = new AbortController();
    const mine = pull(`${host}/app`, { signal: controller.signal });
    const theirs = pull(`${host}/app`);
    controller.abort();
    await expectKind(mine, 'cancelled');
    await expectKind(theirs, 'image-registry');
  });

  it('a digest is what is brought, wherever the tag points by now', async () => {
    const registry = await movingRegistry(architecture);
    closing.push(registry.close);
    const image = `${registry.host}/app`;
    const first = registry.point(`first ${tag}`);
    const before = await pull(image);
    expect(before.digest).toBe(first);
    const second = registry.point(`second ${tag}`);
    expect(await pull(image, { digest: first })).toEqual(before);
    const after = await pull(image);
    expect(after.digest).toBe(second);
    expect(after.image).not.toBe(before.image);
    expect(await pull(`${image}:latest`, { digest: first, policy: 'always' })).toEqual(before);
    expect(await pull(`${image}@${first}`)).toEqual(before);
    await expectKind(pull(image, { digest: `sha256:${'0'.repeat(64)}` }), 'image-not-found');
    for (const { image: id } of [before, after]) images.push({ name: id, remove: () => removeImage(id) });
  });

  it('an image of another architecture is refused', async () => {
    const other = architecture === 'amd64' ? 'arm64' : 'amd64';
    const name = await local('longshore-test-other');
    const error = await expectKind(pull(name, { platform: { os: 'linux', architecture: other } }), 'image-platform');
    expect(error.message).toContain(architecture);
  });
});
